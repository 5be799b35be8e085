import TestPeers
import OS
import Proxy
import TLS
import Telemetry
import TestSupport
import TestRun
import Testing
import Upstream

/// Faults by which one client could get another's answer, or none: each was met once.
@Suite("Every answer goes to whoever asked for it", .ownThread) struct OwnAnswerTests {
  /// Answers by the request's path, once `gate` says so.
  static func answeringByPath(after gate: Event? = nil) -> Backend.Script {
    { wire in
      while let path = wire.readHead().split(separator: " ").dropFirst().first {
        gate?.wait()
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(path.utf8.count)\r\n\r\n\(path)")
      }
    }
  }

  /// An HTTP/2 backend whose answers end on a DATA frame; it closes when told.
  static func endingOnData(closing close: Event) -> Backend.Script {
    { wire in
      guard wire.read(exactly: 24) == Frame.preface else { return }
      wire.write(Frame.settings([]).bytes)
      guard let stream = wire.readStreamHead() else { return }
      wire.write(
        Frame.headers(stream, HPACK.block([":status=200"]), end: false).bytes
          + Frame.data(stream, Array("from h2c".utf8), end: true).bytes)
      close.wait()
      wire.close()
    }
  }

  /// Host `b` leads to the HTTP/2 backend, every other one to the HTTP/1.1 one.
  private func settings(_ plain: Backend, _ multiplexed: Backend) -> Settings {
    .bare(plain.target) { settings in
      settings.services.append(.init(name: "b", backends: [HTTP2BackendTests.target(multiplexed)]))
      settings.routes.append(.init(hosts: ["b"], paths: [], service: 1))
    }
  }

  private func ask(_ client: Wire, _ host: String, _ path: String) -> String {
    client.write("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    return client.readAnswer().body
  }

  @Test("A finished HTTP/2 stream is no idle connection, and what its slot is used for next is nobody else's")
  func finishedStream() async throws {
    let (closing, answering) = (try Event(), try Event())
    let plain = try Backend(Self.answeringByPath(after: answering))
    let multiplexed = try Backend(Self.endingOnData(closing: closing))
    try await Edge.serve(settings(plain, multiplexed)) { edge in
      let other = try edge.connect()
      for round in 0..<3 {
        #expect(ask(other, "b", "/") == "from h2c")
        closing.signal()
        // Until the connection has gone each further answer comes by a new one.
        #expect(ask(other, "b", "/") == "from h2c")
        let clients = try (0..<6).map { _ in try edge.connect() }
        for (number, client) in clients.enumerated() {
          client.write("GET /\(round).\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        for _ in clients { answering.signal() }
        for (number, client) in clients.enumerated() {
          #expect(client.readAnswer().body == "/\(round).\(number)")
        }
        closing.signal()
      }
    }
    for _ in 0..<20 { closing.signal() }
    _ = (plain.finish(), multiplexed.finish())
  }

  @Test("A reload that drops a service whose streams have ended is done, and the others answer on")
  func droppedService() async throws {
    let closing = try Event()
    let plain = try Backend(Self.answeringByPath())
    let multiplexed = try Backend(Self.endingOnData(closing: closing))
    let both = settings(plain, multiplexed)
    try await Edge.serve(both) { edge in
      let client = try edge.connect()
      #expect(ask(client, "b", "/") == "from h2c")
      closing.signal()
      #expect(ask(client, "a", "/1") == "/1")
      var one = both
      one.services.removeLast()
      one.routes.removeLast()
      try await edge.proxy.apply(one)
      #expect(ask(client, "a", "/2") == "/2")
      let other = try edge.connect()
      #expect(ask(other, "a", "/3") == "/3")
    }
    closing.signal()
    _ = (plain.finish(), multiplexed.finish())
  }

  @Test("An upload that is tried again on a kept connection goes on behind what had been read of it")
  func retriedUpload() async throws {
    let content = [UInt8](repeating: 0x61, count: 200_000)
    let backend = try Backend { wire in
      while true {
        let head = wire.readHead()
        guard !head.isEmpty else { return }
        let length = head.hasPrefix("POST") ? content.count : 0
        let count = wire.read(exactly: length).count
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: \("\(count)".utf8.count)\r\n\r\n\(count)")
      }
    }
    let settings = Settings.bare(try .refusing(), backend.target)
    try await Edge.serve(settings) { edge in
      let client = try edge.connect()
      for _ in 0..<4 {
        #expect(ask(client, "h", "/") == "0")
        client.write(
          latin1("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(content.count)\r\n\r\n") + content)
        #expect(client.readAnswer().body == "\(content.count)")
      }
    }
    _ = backend.finish()
  }

  @Test(
    "A TLS backend's close notification that comes with its last bytes ends the answers on its connection")
  func closeBehindData() async throws {
    let told = try Event()
    let backend = try Backend(tls: try Certificates.localhost.get()) { wire in
      guard wire.read(exactly: 24) == Frame.preface else { return }
      wire.write(Frame.settings([]).bytes)
      while true {
        let head = wire.read(exactly: 9)
        guard head.count == 9 else { return }
        _ = wire.read(exactly: Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2]))
        guard head[3] == Frame.Kind.headers else { continue }
        let answer =
          Frame.headers(1, HPACK.block([":status=200"]), end: false).bytes
          + Frame.data(1, Array("half".utf8)).bytes
        wire.writeWithClose(answer)
        told.wait()
        return
      }
    }
    var target = try Settings.Backend.secure(backend.address, host: "localhost")
    target.http2 = true
    let settings = HTTP2Edge.settings(target)
    try await HTTP2Edge.serve(settings) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(
        .headers(
          1, HPACK.block([":method=GET", ":scheme=http", ":path=/", ":authority=localhost"]), end: true))
      let answer = client.response(1)
      #expect(answer.text == "half" && answer.reset != nil)
      told.signal()
    }
    told.signal()
    _ = backend.finish()
  }

  @Test("What Connection names is dropped, but never the length of an answer")
  func nominatedLength() async throws {
    let backend = try Backend { wire in
      _ = wire.readHead()
      wire.write(
        "HTTP/1.1 200 OK\r\nConnection: content-length, x-mine\r\nX-Mine: 1\r\nContent-Length: 5\r\n\r\nhello"
      )
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      let answer = client.readAnswer()
      #expect(answer.body == "hello" && answer.isComplete && answer.field("X-Mine") == nil)
      client.close()
    }
    _ = backend.finish()
  }

  @Test("Interim responses without end are ended, and so is a backend that goes on with them")
  func endlessInterim() async throws {
    let one = Frame.headers(1, HPACK.block([":status=103", "link=/style.css"]), end: false).bytes
    let backend = try Backend { wire in
      guard wire.read(exactly: 24) == Frame.preface else { return }
      wire.write(Frame.settings([]).bytes)
      _ = wire.read(exactly: 9)
      // Whoever is not cut off would be here for ever.
      for _ in 0..<2000 { wire.write(one) }
      #expect(wire.readToEnd().count < 1 << 20)
      #expect(wire.ending != nil)
    }
    try await Edge.serve(.bare(HTTP2BackendTests.target(backend))) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      var answer = client.readAnswer()
      var interim = 0
      while answer.status == 103 {
        interim += 1
        answer = client.readAnswer()
      }
      #expect(answer.status == 502)
      #expect((1...100).contains(interim))
      #expect(edge.reports.contains { $0.contains("too many interim responses") })
    }
    _ = backend.finish()
  }

  @Test("A backend connection whose only client left while it was made is closed when its time is over")
  func unusedConnection() async throws {
    let proceed = try Event()
    let backend = try Backend(tls: try Certificates.localhost.get(), after: proceed) { wire in
      _ = wire.readToEnd()
      #expect(wire.ending != nil)
    }
    var target = try Settings.Backend.secure(backend.address, host: "localhost")
    target.http2 = true
    try await HTTP2Edge.serve(
      HTTP2Edge.settings(target) { $0.services[0].rules.timeouts.keepalive = 1 }
    ) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      while backend.connections == 0 { await Task.yield() }
      client.close()
      while edge.proxy.counters[.requestsAborted] == 0 { await Task.yield() }
      proceed.signal()
      _ = backend.finish()
    }
  }

  @Test("Every one of many backends is used")
  func manyBackends() async throws {
    let backend = try Backend(Self.answeringByPath())
    var targets: [Settings.Backend] = []
    let nowhere = try #require(SocketAddress(host: "127.0.0.1", port: 1))
    for _ in 0..<99 { targets.append(.at(nowhere, health: .unhealthy)) }
    targets.append(backend.target)
    try await Edge.serve(.bare(targets)) { edge in
      let client = try edge.connect()
      #expect(ask(client, "h", "/x") == "/x")
    }
    _ = backend.finish()
  }
}
