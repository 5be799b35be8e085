import Bytes
import JSON
import OS
import Synchronization

/// A stand-in for a model server, for `certd demo` alone: `/health`, `/v1/models` and chat completions, streamed or whole.
/// One thread a connection, at most `maximumConnections`.
final class DemoModelServer: Sendable {
  /// Its port at 127.0.0.1.
  let port: UInt16
  private let socket: Descriptor
  private let connections = Atomic(0)

  /// The most connections at once.
  static let maximumConnections = 64
  /// The largest head of a request, in bytes.
  static let maximumHeadBytes = 16 << 10
  /// The largest content of a request, in bytes.
  static let maximumContentBytes = 1 << 20
  /// The most words of an answer.
  static let maximumWords = 1000
  /// Between two words, in milliseconds.
  static let pauseMilliseconds: Int32 = 100
  /// How long it waits for a client, in milliseconds.
  private static let patienceMilliseconds: Int32 = 60_000

  private static let words = [
    "Hello", "from", "a", "model", "behind", "certd:", "every", "token", "leaves", "as", "soon", "as", "it",
    "is",
    "made.",
  ]

  /// Listens at a free port and serves until the process ends.
  init() throws(SystemError) {
    guard let any = SocketAddress(host: "127.0.0.1", port: 0) else {
      throw SystemError(call: "address", code: 22, subject: "127.0.0.1")
    }
    socket = try ListeningSocket.open(any, sharesPort: false)
    port = try ListeningSocket.address(of: socket.number).port
    try Thread.start("demo") { [self] in accept() }.detach()
  }

  private func accept() {
    var peer = SocketAddress()
    while true {
      guard Sys.wait(socket.number, milliseconds: -1) else { continue }
      let accepted = Sys.accept(socket.number, &peer)
      guard accepted >= 0 else { continue }
      let client = Int32(accepted)
      let count = connections.add(1, ordering: .relaxed).newValue
      let thread =
        count > Self.maximumConnections
        ? nil
        : try? Thread.start("demo client") { [self] in
          serve(client)
          leave(client)
        }
      if let thread { thread.detach() } else { leave(client) }
    }
  }

  private func leave(_ client: Int32) {
    Sys.close(client)
    connections.subtract(1, ordering: .relaxed)
  }

  // MARK: One connection

  private func serve(_ client: Int32) {
    var input: [UInt8] = []
    let end: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
    while true {
      while input.firstRange(of: end) == nil {
        guard input.count < Self.maximumHeadBytes, receive(client, &input) else { return }
      }
      guard let head = input.firstRange(of: end) else { return }
      let lines = String(decoding: input[..<head.lowerBound], as: UTF8.self).split(separator: "\r\n")
      let request = (lines.first ?? "").split(separator: " ")
      guard request.count == 3 else { return }
      input.removeSubrange(..<head.upperBound)
      var length = 0
      for line in lines.dropFirst() {
        let parts = line.split(separator: ":", maxSplits: 1)
        if parts.count == 2, parts[0].lowercased() == "content-length" {
          length = Int(parts[1].trimmed) ?? -1
        }
        // certd sends what it has whole with its length; anything else would be misread.
        if parts.count == 2, parts[0].lowercased() == "transfer-encoding" { length = -1 }
      }
      guard (0...Self.maximumContentBytes).contains(length) else {
        _ = send(client, Self.answer(411, ["error": ["message": "content needs a length"]]))
        return
      }
      while input.count < length { guard receive(client, &input) else { return } }
      let content = Array(input.prefix(length))
      input.removeSubrange(..<length)
      guard answer(client, String(request[0]), String(request[1]), content) else { return }
    }
  }

  /// False when the connection is over.
  private func answer(_ client: Int32, _ method: String, _ target: String, _ content: [UInt8]) -> Bool {
    switch (method, String(target.prefix { $0 != "?" })) {
    case ("GET", "/health"): return send(client, Self.answer(200, ["status": "ok"]))
    case ("GET", "/v1/models"):
      return send(
        client,
        Self.answer(
          200, ["object": "list", "data": [["id": "demo", "object": "model", "owned_by": "vllm"]]]))
    case ("POST", "/v1/chat/completions"): return complete(client, content)
    default: return send(client, Self.answer(404, ["error": ["message": "not found"]]))
    }
  }

  private func complete(_ client: Int32, _ content: [UInt8]) -> Bool {
    let request = try? JSONValue(parsing: content)
    let count = Int(clamping: request?["max_tokens"]?.int ?? Int64(Self.words.count))
    let words = (0..<min(max(count, 1), Self.maximumWords)).map { Self.words[$0 % Self.words.count] }
    guard request?["stream"]?.bool == true else {
      let message: JSONValue = ["role": "assistant", "content": .string(words.joined(separator: " "))]
      let choice: JSONValue = ["index": 0, "message": message, "finish_reason": "stop"]
      return send(
        client,
        Self.answer(200, ["id": "demo", "object": "chat.completion", "model": "demo", "choices": [choice]]))
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    guard send(client, Array(head.utf8)) else { return false }
    for word in words {
      let choice: JSONValue = ["index": 0, "delta": ["content": .string(word + " ")]]
      let event: JSONValue = [
        "id": "demo", "object": "chat.completion.chunk", "model": "demo", "choices": [choice],
      ]
      guard send(client, Self.chunk("data: \(event.text)\n\n")) else { return false }
      // Nothing comes meanwhile but the end of the connection.
      _ = Sys.wait(client, milliseconds: Self.pauseMilliseconds)
    }
    return send(client, Self.chunk("data: [DONE]\n\n") + Array("0\r\n\r\n".utf8))
  }

  private static func chunk(_ text: String) -> [UInt8] {
    Array("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n".utf8)
  }

  private static func answer(_ status: Int, _ value: JSONValue) -> [UInt8] {
    let content = value.text
    let reason = status == 200 ? "OK" : "Error"
    return Array(
      ("HTTP/1.1 \(status) \(reason)\r\nContent-Type: application/json\r\n"
        + "Content-Length: \(content.utf8.count)\r\n\r\n\(content)").utf8)
  }

  private func receive(_ client: Int32, _ input: inout [UInt8]) -> Bool {
    guard Sys.wait(client, milliseconds: Self.patienceMilliseconds) else { return false }
    var piece = [UInt8](repeating: 0, count: 16 << 10)
    let count = unsafe piece.withUnsafeMutableBytes { raw in
      unsafe raw.baseAddress.map { unsafe Sys.recv(client, $0, raw.count) } ?? 0
    }
    guard count > 0 else { return count == Sys.wouldBlock }
    input += piece.prefix(count)
    return true
  }

  private func send(_ client: Int32, _ bytes: [UInt8]) -> Bool {
    var left = bytes[...]
    while !left.isEmpty {
      let count = unsafe left.withUnsafeBytes { raw in
        unsafe raw.baseAddress.map { unsafe Sys.send(client, $0, raw.count) } ?? 0
      }
      if count == Sys.wouldBlock {
        guard Sys.wait(client, toWrite: true, milliseconds: Self.patienceMilliseconds) else { return false }
      } else if count > 0 {
        left = left.dropFirst(count)
      } else {
        return false
      }
    }
    return true
  }
}
