import Bytes
import OS

/// What a request for a file is answered with, by what it asks and what the file is (RFC 9110 §13, §14). Pure.
struct FileAnswer: Equatable {
  var status: Int
  /// Field lines besides the length of what is sent.
  var fields: [(name: String, value: String)] = []
  /// The part of the file that is sent.
  var range = 0..<0

  static func == (a: FileAnswer, b: FileAnswer) -> Bool {
    a.status == b.status && a.range == b.range && a.fields.elementsEqual(b.fields) { $0 == $1 }
  }

  /// Answers for a file that is there.
  init(_ request: FileRequest, _ status: FileStatus, mediaType: String, coding: String?, varies: Bool) {
    let size = status.sizeInBytes
    let changed = UnixTime(seconds: status.modifiedNanoseconds / 1_000_000_000)
    let suffix = coding.map { "-\($0)" } ?? ""
    let tag = "\"\(String(status.modifiedNanoseconds, radix: 16))-\(String(size, radix: 16))\(suffix)\""
    fields = [("ETag", tag), ("Last-Modified", changed.httpDate), ("Accept-Ranges", "bytes")]
    if varies { fields.append(("Vary", "Accept-Encoding")) }
    if Self.isUnchanged(request, tag, changed) {
      self.status = 304
      return
    }
    fields.append(("Content-Type", mediaType))
    fields.append(("X-Content-Type-Options", "nosniff"))
    if let coding { fields.append(("Content-Encoding", coding)) }
    let isPart = request.fields["if-range"].map { $0 == tag || $0 == changed.httpDate } ?? true
    switch request.fields["range"].flatMap({ isPart ? Self.part($0, size) : nil }) {
    case .some(.some(let part)):
      self.status = 206
      range = part
      fields.append(("Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)"))
    case .some(.none):
      self.status = 416
      fields = [("Content-Range", "bytes */\(size)")]
    case nil:
      self.status = 200
      range = 0..<size
    }
  }

  /// An answer without a file.
  init(_ status: Int, _ fields: [(name: String, value: String)] = []) {
    self.status = status
    self.fields = fields
  }

  private static func isUnchanged(_ request: FileRequest, _ tag: String, _ changed: UnixTime) -> Bool {
    if let known = request.fields["if-none-match"] {
      return known == "*"
        || known.split(separator: ",").contains {
          var one = $0.drop { $0 == " " }
          while one.last == " " { one.removeLast() }
          return (one.hasPrefix("W/") ? one.dropFirst(2) : one) == tag
        }
    }
    guard let since = request.fields["if-modified-since"].flatMap({ UnixTime(httpDate: $0) }) else {
      return false
    }
    return changed <= since
  }

  /// One range; nil where it is none that is understood, or several: the whole is sent then. The inner nil is one that the
  /// file does not have.
  private static func part(_ text: String, _ size: Int) -> Range<Int>?? {
    guard text.hasPrefix("bytes="), !text.contains(",") else { return nil }
    let ends = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2,
      ends.allSatisfy({ $0.utf8.count < 19 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } })
    else { return nil }
    switch (Int(ends[0]), Int(ends[1])) {
    case (nil, nil): return nil
    case (nil, let count?): return .some(count > 0 && size > 0 ? max(0, size - count)..<size : nil)
    case (let first?, nil): return .some(first < size ? first..<size : nil)
    case (let first?, let last?):
      guard first <= last else { return nil }
      return .some(first < size ? first..<min(size, last + 1) : nil)
    }
  }
}
