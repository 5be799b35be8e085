import TestPeers
import TestSupport

/// A backend that answers every request by its path, over HTTP/1.1:
/// - `/hold…`: never; it waits for the end of the connection
/// - `/stuck`: never, and it reads nothing of the content
/// - `/big/N`: N octets
/// - `/echo…`: what it got: the head, and the content with the chunks taken off
/// - others: `hello`
enum Origin {
  static let serve: Backend.Script = { wire in play(wire, until: nil) }

  /// The same, and `/stuck` waits for the end of the test.
  static func serving(until done: Event) -> Backend.Script {
    { wire in play(wire, until: done) }
  }

  private static func play(_ wire: Wire, until done: Event?) {
    while true {
      let head = wire.readHead()
      guard head.hasSuffix("\r\n\r\n") else { return }
      let parts = head.split(separator: " ", maxSplits: 2).map(String.init)
      guard parts.count == 3, !parts[1].hasPrefix("/hold") else { return }
      if let done, parts[1] == "/stuck" {
        done.wait()
        return
      }
      guard let content = readContent(wire, head) else { return }
      answer(wire, method: parts[0], path: parts[1], head, content)
    }
  }

  static func answer(_ wire: Wire, method: String, path: String, _ head: String, _ content: String) {
    let body: String =
      if let size = path.split(separator: "/").last.flatMap({ Int($0) }), path.hasPrefix("/big/") {
        String(repeating: "0123456789abcdef", count: size / 16 + 1).prefix(size).description
      } else if path.hasPrefix("/echo") {
        head + content
      } else {
        "hello"
      }
    wire.write(
      "HTTP/1.1 200 OK\r\nContent-Length: \(body.unicodeScalars.count)\r\n\r\n"
        + (method == "HEAD" ? "" : body))
  }

  /// The content that a head announces, trailers behind it on lines of their own; nil when it breaks off.
  static func readContent(_ wire: Wire, _ head: String) -> String? {
    let lower = head.lowercased()
    if lower.contains("\r\ntransfer-encoding: chunked\r\n") {
      var all = ""
      while true {
        let chunk = wire.readChunk()
        if chunk.isEmpty { break }
        all += chunk
      }
      while true {
        let line = wire.read(through: "\r\n")
        if line == "\r\n" { return all }
        guard line.hasSuffix("\r\n") else { return nil }
        all += "\r\n" + line.dropLast()
      }
    }
    let line = lower.split(separator: "\r\n").first { $0.hasPrefix("content-length: ") }
    guard let length = line.flatMap({ Int($0.dropFirst("content-length: ".count)) }) else { return "" }
    let bytes = wire.read(exactly: length)
    return bytes.count == length ? latin1Text(bytes) : nil
  }
}
