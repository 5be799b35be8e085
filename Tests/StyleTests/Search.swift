import Glibc

/// Finds texts by their bytes: many files are searched for much, and characters are slow to compare.
enum Search {
  /// Where a text begins, each time. Bytes behind a zero are not looked at: no source has one.
  private static func places(of text: String, in bytes: [UInt8]) -> [Int] {
    var places: [Int] = []
    (bytes + [0]).withUnsafeBytes { raw in
      guard let base = raw.assumingMemoryBound(to: CChar.self).baseAddress else { return }
      var at = base
      while let found = strstr(at, text) {
        places.append(base.distance(to: found))
        at = UnsafePointer(found) + 1
      }
    }
    return places
  }

  static func has(_ text: String, in bytes: [UInt8]) -> Bool { !places(of: text, in: bytes).isEmpty }

  /// The lines, counted from 1, on which a text begins.
  static func lines(of text: String, in bytes: [UInt8]) -> [Int] {
    places(of: text, in: bytes).map { place in bytes[..<place].count { $0 == 0x0A } + 1 }
  }
}
