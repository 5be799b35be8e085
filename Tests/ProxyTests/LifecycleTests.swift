import OS
import Proxy
import TLS
import TestSupport
import TestPeers
import TestRun
import Testing
import Upstream

@Suite("Drain and reload", .ownThread) struct LifecycleTests {
  /// A backend that streams a piece for each signal of a connection's own event, and ends after a last one.
  static func streaming(_ events: [Event], pieces: Int) throws -> Backend {
    try Backend(
      scripts: events.map { next in
        { wire in
          while wire.readHead().hasSuffix("\r\n\r\n") {
            wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in 0..<pieces {
              next.wait()
              wire.write("5\r\npiece\r\n")
            }
            next.wait()
            wire.write("0\r\n\r\n")
          }
        }
      })
  }

  @Test("Draining closes idle connections, lets a stream end, and says close on answers begun after")
  func drain() async throws {
    let next = try Event()
    let release = try Event()
    let arrived = try Event()
    let stream = try Self.streaming([next], pieces: 3)
    let slow = try Backend { wire in
      _ = wire.readHead()
      arrived.signal()
      release.wait()
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    }
    let settings = Settings.bare(stream.target) { settings in
      settings.limits.headerTimeout = 60_000
      settings.services.append(.init(name: "slow", backends: [slow.target]))
      settings.routes.insert(.init(hosts: [], paths: [.prefix("/slow")], service: 1), at: 0)
    }
    try await Edge.serve(settings) { edge in
      let address = edge.proxy.addresses[0]
      let (idle, streamed, waiting) = (try edge.connect(), try edge.connect(), try edge.connect())
      streamed.write(FramingCase.probe)
      _ = streamed.readHead()
      waiting.write("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(arrived.wait())
      // The pool's threads are busy with other tests: the drain goes first, and this test waits elsewhere.
      let drained = Task(priority: .high) { await edge.proxy.drain(milliseconds: 60_000) }
      try await OwnThread.run {
        #expect(idle.readToEnd() == [] && idle.ending == .closed)
        #expect(throws: SystemError.self) { try Wire.connect(address) }
        release.signal()
        let answer = waiting.readAnswer()
        #expect(answer.body == "ok")
        #expect(answer.field("Connection") == "close")
        #expect(waiting.readToEnd() == [] && waiting.ending == .closed)
        waiting.close()
        idle.close()
        for _ in 0..<3 {
          next.signal()
          #expect(streamed.readChunk() == "piece")
        }
        next.signal()
        #expect(streamed.readChunk() == "")
        _ = streamed.readToEnd()
        #expect(streamed.ending == .closed)
        streamed.close()
      }
      await drained.value
    }
    _ = stream.finish()
    _ = slow.finish()
  }

  @Test(
    "A gentle drain answers what is asked on idle and on fresh connections, and says that it was the last")
  func gentle() async throws {
    let backend = try Backend { wire in
      while !wire.readHead().isEmpty { wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") }
    }
    try await Edge.serve(.bare(backend.target)) { edge in
      let (kept, fresh) = (try edge.connect(), try edge.connect())
      kept.write(FramingCase.probe)
      #expect(kept.readAnswer().field("Connection") != "close")
      let drained = Task(priority: .high) { await edge.proxy.drain(milliseconds: 60_000, gently: true) }
      try await OwnThread.run {
        let address = edge.proxy.addresses[0]
        while (try? Wire.connect(address)) != nil {}
        for client in [kept, fresh] {
          client.write(FramingCase.probe)
          let answer = client.readAnswer()
          #expect(answer.body == "ok" && answer.field("Connection") == "close")
          #expect(client.readToEnd() == [] && client.ending == .closed)
          client.close()
        }
      }
      await drained.value
    }
    _ = backend.finish()
  }

  @Test("A drain ends at its deadline whatever is under way", arguments: [1, 2])
  func deadline(workers: Int) async throws {
    let next = try Event()
    let stream = try Self.streaming([next], pieces: 1)
    try await Edge.serve(.bare(stream.target), workers: workers) { edge in
      let clients = try (0..<4).map { _ in try edge.connect() }
      for client in clients {
        client.write(FramingCase.probe)
        _ = client.readHead()
      }
      await edge.proxy.drain(milliseconds: 100)
      for client in clients {
        #expect(!latin1Text(client.readToEnd()).hasSuffix("0\r\n\r\n"))
        #expect(client.ending != nil)
      }
      for _ in 0..<8 { next.signal() }
    }
    _ = stream.finish()
  }

  @Test("Reloads in the middle of streams and pipelines cut nothing", arguments: [1, 2])
  func reloads(workers: Int) async throws {
    let events = [try Event(), try Event()]
    let old = try Self.streaming(events, pieces: 10)
    let new = try Backend { answerProbe($0) }
    let credentials = [try Certificates.localhost.get()]
    try await Edge.serve(.bare(old.target, secure: true), workers: workers, credentials: credentials) {
      edge in
      let clients = [try edge.connect(), try edge.connectSecurely()]
      for client in clients {
        client.write(FramingCase.probe + FramingCase.probe)
        _ = client.readHead()
      }
      for _ in 0..<10 {
        // The service is another one, and so is the certificate; the streams go on from where they are.
        try await edge.proxy.apply(.bare(new.target, secure: true))
        try await edge.proxy.install([try Certificates.authority.get().credential("localhost")])
        for next in events { next.signal() }
        for client in clients { #expect(client.readChunk() == "piece") }
      }
      for next in events { next.signal() }
      for client in clients {
        #expect(client.readChunk() == "")
        _ = client.read(through: "\r\n")
        // The pipelined request is answered by the new settings.
        #expect(client.readAnswer().body == "probe")
      }
    }
    _ = old.finish()
    _ = new.finish()
  }

  @Test(
    "A removed listener accepts nothing more while its connections go on; a new one works", arguments: [1, 2])
  func listeners(workers: Int) async throws {
    let backend = try Backend { answerProbe($0) }
    try await Edge.serve(.bare(backend.target), workers: workers) { edge in
      let old = edge.proxy.addresses[0]
      let client = try edge.connect()
      client.write(FramingCase.probe)
      #expect(client.readAnswer().status == 200)
      try await edge.proxy.apply(.bare(backend.target) { $0.listeners = [.loopback(4, nil)] })
      #expect(throws: SystemError.self) { try Wire.connect(old) }
      let other = try edge.connect()
      for wire in [client, other] {
        wire.write(FramingCase.probe)
        #expect(wire.readAnswer().status == 200)
      }
      try await edge.proxy.apply(.bare(backend.target) { $0.listeners = [] })
      #expect(edge.proxy.addresses.isEmpty)
      for wire in [client, other] {
        wire.write(FramingCase.probe)
        #expect(wire.readAnswer().status == 200)
      }
    }
    _ = backend.finish()
  }

  @Test("The certificate installed last is the one that is shown; a bad one changes nothing")
  func certificates() async throws {
    let backend = try Backend { answerProbe($0) }
    let first = try Certificates.localhost.get()
    let second = try Certificates.authority.get().credential("localhost", "*.wild.test")
    let bad = Credential(
      label: "bad", chain: second.chain, privateKeyPEM: first.privateKeyPEM, names: ["localhost"])
    try await Edge.serve(.bare(backend.target, secure: true), workers: 2, credentials: [first]) { edge in
      let early = try edge.connectSecurely()
      await #expect(throws: ProxyError.self) { try await edge.proxy.install([second, bad]) }
      for _ in 0..<4 { #expect(try edge.connectSecurely().peerLeaf == first.chain[0]) }
      #expect(try edge.connectSecurely("a.local.test").peerLeaf == first.chain[0])
      try await edge.proxy.install([second])
      for _ in 0..<4 { #expect(try edge.connectSecurely().peerLeaf == second.chain[0]) }
      #expect(throws: Edge.HandshakeFailed.self) { try edge.connectSecurely("a.local.test") }
      try await edge.proxy.install([
        first, try Certificates.authority.get().credential("a.local.test", label: "a"),
      ])
      // The exact name before the wildcard.
      #expect(try edge.connectSecurely("a.local.test").peerLeaf != first.chain[0])
      #expect(try edge.connectSecurely("b.local.test").peerLeaf == first.chain[0])
      early.write(FramingCase.probe)
      #expect(early.readAnswer().body == "probe")
    }
    _ = backend.finish()
  }

  @Test("Settings that cannot be used are refused and leave nothing behind")
  func badSettings() async throws {
    let backend = try Backend { answerProbe($0) }
    try await Edge.serve(.bare(backend.target)) { edge in
      let client = try edge.connect()
      client.write(FramingCase.probe)
      #expect(client.readAnswer().status == 200)
      var wanted = Settings.bare(backend.target)
      wanted.listeners.append(.loopback(5, nil))
      var bad = wanted
      bad.services[0].backends[0].tlsHost = "localhost"
      bad.services[0].backends[0].trust = .init(system: false, extraPEM: [Array("nothing".utf8)])
      await #expect(throws: ProxyError.self) { try await edge.proxy.apply(bad) }
      #expect(edge.proxy.addresses.count == 1)
      client.write(FramingCase.probe)
      #expect(client.readAnswer().status == 200)
      try await edge.proxy.apply(wanted)
      let other = try edge.connect(1)
      other.write(FramingCase.probe)
      #expect(other.readAnswer().status == 200)
    }
    _ = backend.finish()
  }

  @Test("A listener moves to an address that includes its own, on the same port, and back")
  func samePort() async throws {
    let backend = try Backend { answerProbe($0) }
    var settings = Settings.bare(backend.target)
    try await Edge.serve(settings) { edge in
      let narrow = edge.proxy.addresses[0]
      let wide = try #require(SocketAddress(host: "0.0.0.0", port: narrow.port))
      for address in [wide, narrow, wide] {
        settings.listeners[0].address = address
        try await edge.proxy.apply(settings)
        let client = try Wire.connect(narrow)
        client.write(FramingCase.probe)
        #expect(client.readAnswer().body == "probe")
      }
    }
    _ = backend.finish()
  }
}
