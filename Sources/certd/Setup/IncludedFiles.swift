import Configuration
import OS

/// Finds and reads the files that a configuration includes.
enum IncludedFiles {
  /// By patterns below `absolute` files are shown as below `named`, as the configuration's own path was given.
  static func includes(named: String, absolute: String) -> Includes {
    Includes { pattern throws(Variables.Unreadable) in
      var files: [Includes.File] = []
      for path in try paths(pattern) {
        do throws(SystemError) {
          let bytes = try FileSystem().read(
            path, limitInBytes: ConfigurationSource.maximumFileBytes, followingLinks: true)
          let isBelow = path.hasPrefix(absolute + "/")
          let rest = path.dropFirst(absolute.count + 1)
          let name = !isBelow ? path : named == "." ? String(rest) : "\(named)/\(rest)"
          files.append(Includes.File(name: name, bytes: bytes))
        } catch { throw Variables.Unreadable("\(error)") }
      }
      return files
    }
  }

  /// The files that fit, by name. Hidden ones only where the pattern begins with a dot, as in a shell.
  private static func paths(_ pattern: String) throws(Variables.Unreadable) -> [String] {
    let folder = FileSystem.parent(of: pattern)
    let last = Array(
      pattern.utf8.suffix(
        from: pattern.utf8.lastIndex(of: 0x2F).map { pattern.utf8.index(after: $0) }
          ?? pattern.utf8.startIndex))
    guard isPattern(last) else { return [pattern] }
    guard !isPattern(Array(folder.utf8)) else {
      throw Variables.Unreadable("only the last part of a path may have * and ?")
    }
    do throws(SystemError) {
      let names = try FileSystem().list(folder).sorted()
      return names.filter { name in
        let bytes = Array(name.utf8)
        return (bytes.first != 0x2E || last.first == 0x2E) && fits(bytes[...], last[...])
      }.map { "\(folder)/\($0)" }
    } catch { throw Variables.Unreadable("\(error)") }
  }

  private static func isPattern(_ text: [UInt8]) -> Bool { text.contains(0x2A) || text.contains(0x3F) }

  /// Whether a name fits a pattern; in time of their lengths' product.
  static func fits(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
    var (n, p) = (name.startIndex, pattern.startIndex)
    var star: (pattern: Int, name: Int)?
    while n < name.endIndex {
      if p < pattern.endIndex, pattern[p] == 0x2A {
        star = (p, n)
        p += 1
      } else if p < pattern.endIndex, pattern[p] == 0x3F || pattern[p] == name[n] {
        (n, p) = (n + 1, p + 1)
      } else if let last = star {
        // The last star takes one more.
        star = (last.pattern, last.name + 1)
        (n, p) = (last.name + 1, last.pattern + 1)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == 0x2A }
  }
}
