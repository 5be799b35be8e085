import Bytes
import TestPeers
import TestSupport

/// HTTP/1.1 on one connection of the stand-in.
enum Exchange {
  /// A request, read whole.
  struct Request {
    var method = ""
    var path = ""
    var query: [String: String] = [:]
    var fields: [String: String] = [:]
    var body: [UInt8] = []
    var hasLength = false

    var form: [String: String] {
      let text = String(decoding: body, as: UTF8.self)
      if let json = JSON.parse(body) { return json.members.compactMapValues(\.string) }
      return Exchange.pairs(text[...])
    }
  }

  /// An answer; nil closes the connection.
  struct Answer {
    var status = 200
    var type = "application/json; charset=UTF-8"
    var fields: [(String, String)] = []
    var body = ""
    /// Bytes of the body that are sent before the connection is cut.
    var cutAt: Int?

    static func html(_ status: Int) -> Answer {
      Answer(
        status: status, type: "text/html; charset=UTF-8",
        body: "<!DOCTYPE html>\n<title>Error \(status)</title>\n<p>That's an error.\n")
    }
  }

  static func serve(_ connection: Wire, for box: WeakBox) {
    var buffer: [UInt8] = []
    while let request = read(connection, &buffer), let google = box.google {
      guard let answer = google.answer(request) else { return }
      let text = Array(answer.body.utf8)
      var head = "HTTP/1.1 \(answer.status) Answer\r\nContent-Type: \(answer.type)\r\n"
      for (name, value) in answer.fields { head += "\(name): \(value)\r\n" }
      if answer.status != 204 { head += "Content-Length: \(text.count)\r\n" }
      connection.write(Array((head + "\r\n").utf8) + text.prefix(answer.cutAt ?? text.count))
      if answer.cutAt != nil { return }
    }
  }

  private static func read(_ connection: Wire, _ buffer: inout [UInt8]) -> Request? {
    let end: [UInt8] = [13, 10, 13, 10]
    var found = buffer.firstRange(of: end)
    while found == nil {
      let more = connection.read()
      if more.isEmpty { return nil }
      buffer += more
      found = buffer.firstRange(of: end)
    }
    guard let found else { return nil }
    var lines = String(decoding: buffer[..<found.lowerBound], as: UTF8.self).split(separator: "\r\n")[...]
    buffer.removeSubrange(..<found.upperBound)
    let first = (lines.popFirst() ?? "").split(separator: " ")
    guard first.count == 3 else { return nil }
    var request = Request()
    request.method = String(first[0])
    let target = first[1].split(separator: "?", maxSplits: 1)
    request.path = decoded(target.first ?? "")
    if target.count == 2 { request.query = pairs(target[1]) }
    for line in lines {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      request.fields[parts[0].lowercased()] = String(parts[1]).trimmed(of: " \t")
    }
    guard let length = request.fields["content-length"].flatMap({ Int($0) }) else { return request }
    request.hasLength = true
    while buffer.count < length {
      let more = connection.read()
      if more.isEmpty { return nil }
      buffer += more
    }
    request.body = Array(buffer.prefix(length))
    buffer.removeFirst(length)
    return request
  }

  static func pairs(_ text: Substring) -> [String: String] {
    var pairs: [String: String] = [:]
    for pair in text.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      pairs[decoded(parts[0])] = parts.count == 2 ? decoded(parts[1]) : ""
    }
    return pairs
  }

  /// Percent signs and plus signs undone.
  private static func decoded(_ text: Substring) -> String {
    var out: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == 0x25, rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        out.append(value)
        rest = rest.dropFirst(2)
      } else {
        out.append(byte == 0x2B ? 0x20 : byte)
      }
    }
    return String(decoding: out, as: UTF8.self)
  }
}
