import OS
import Proxy
import TestSupport
import TestPeers
import Testing

/// What a client sends on one connection, what reaches the backend of it, and what the client gets.
struct FramingCase: CustomTestStringConvertible, Sendable {
  enum Reaches: Sendable {
    /// Not a byte.
    case nothing
    /// These requests, byte for byte, each answered with 200.
    case requests([String])
    /// At most the beginning of this.
    case beginning(String)
  }

  let sent: String
  let reaches: Reaches
  let statuses: [Int]
  let isKept: Bool

  var testDescription: String { String(sent.prefix(100).debugDescription) + " \(sent.utf8.count)" }

  /// Refused before anything is forwarded.
  static func refused(_ sent: String, with status: Int = 400) -> FramingCase {
    FramingCase(sent: sent, reaches: .nothing, statuses: [status], isKept: false)
  }

  /// The same with field lines of a POST request, and perhaps content.
  static func fields(_ lines: String..., content: String = "", with status: Int = 400) -> FramingCase {
    refused(
      "POST / HTTP/1.1\r\nHost: h\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n" + content, with: status)
  }

  /// Chunked content that breaks the rules somewhere: the head may have gone by then.
  static func chunks(_ content: String) -> FramingCase {
    let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    return FramingCase(
      sent: head + content, reaches: .beginning(head + content), statuses: [400], isKept: false)
  }

  /// Chunked content that is passed on as it is.
  static func goodChunks(_ content: String) -> FramingCase {
    passes("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + content)
  }

  /// Forwarded, as it is or as these requests; the connection goes on.
  static func passes(_ sent: String, as requests: String...) -> FramingCase {
    let all = requests.isEmpty ? [sent] : requests
    return FramingCase(
      sent: sent, reaches: .requests(all), statuses: all.map { _ in 200 }, isKept: true)
  }

  /// Forwarded, then the connection ends; with a last answer of the proxy's own where the rest is refused.
  static func closes(_ sent: String, as requests: String..., then status: Int? = nil) -> FramingCase {
    FramingCase(
      sent: sent, reaches: .requests(requests),
      statuses: requests.map { _ in 200 } + (status.map { [$0] } ?? []), isKept: false)
  }
}

extension FramingCase {
  static let probe = "GET /probe HTTP/1.1\r\nHost: h\r\n\r\n"
  private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

  /// Plays the case with the request cut into these pieces.
  func play(cutAt cuts: [Int] = [], edit: (inout Settings) -> Void = { _ in }) async throws {
    var expected: [String] = []
    if case .requests(let all) = reaches { expected = all }
    if isKept { expected.append(Self.probe) }
    let answered = expected
    let backend = try Backend { wire in
      for request in answered {
        guard !wire.read(exactly: request.unicodeScalars.count).isEmpty, wire.ending == nil else { return }
        wire.write(Self.ok)
      }
    }
    try await Edge.serve(.bare([backend.target], edit)) { edge in
      let client = try edge.connect()
      let bytes = latin1(sent)
      var at = 0
      for cut in cuts + [bytes.count] {
        client.write(Array(bytes[at..<cut]))
        at = cut
      }
      for status in statuses { #expect(client.readAnswer().status == status) }
      if isKept {
        client.write(Self.probe)
        #expect(client.readAnswer().status == 200)
      } else {
        #expect(client.readToEnd() == [])
        #expect(client.ending == .closed)
      }
    }
    let received = backend.finish().joined()
    switch reaches {
    case .nothing, .requests: #expect(received == expected.joined())
    case .beginning(let text): #expect(text.hasPrefix(received))
    }
  }
}
