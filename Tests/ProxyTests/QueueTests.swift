import Exchange
import OS
import Synchronization
import TLS
import Telemetry
import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

@testable import Proxy

/// A server that answers each request with its path when it is let, and knows how many it has had at once.
private final class Gate: Sendable {
  let arrived: Event
  let release: Event
  private let counts = Mutex((now: 0, most: 0, paths: [String]()))

  init() throws {
    arrived = try Event()
    release = try Event()
  }

  var most: Int { counts.withLock { $0.most } }
  var paths: [String] { counts.withLock { $0.paths } }

  func backend(status: Int = 200) throws -> Backend {
    try Backend { [self] wire in
      while true {
        let head = wire.readHead()
        guard head.hasSuffix("\r\n\r\n") else { return }
        let path = String(head.split(separator: " ").dropFirst().first ?? "")
        counts.withLock {
          $0.now += 1
          $0.most = max($0.most, $0.now)
          $0.paths.append(path)
        }
        arrived.signal()
        release.wait()
        counts.withLock { $0.now -= 1 }
        wire.write("HTTP/1.1 \(status) OK\r\nContent-Length: \(path.utf8.count)\r\n\r\n\(path)")
      }
    }
  }
}

@Suite("Requests that wait for room", .ownThread) struct QueueTests {
  private func settings(
    _ targets: [Settings.Backend], most: Int = 1, size: Int = 512, timeout: Milliseconds = 60_000,
    _ edit: (inout Settings) -> Void = { _ in }
  ) -> Settings {
    .bare(targets) { settings in
      settings.services[0].rules.maxRequestsPerBackend = most
      settings.services[0].rules.queue.size = size
      settings.services[0].rules.queue.timeout = timeout
      edit(&settings)
    }
  }

  private func get(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n" }

  /// Waits until so many wait.
  private func waits(_ room: ServiceRoom, _ count: Int) async {
    while room.standing.waiting != count { await Task.yield() }
  }

  /// Clients that have asked for `/0`, `/1` and so on, each when the one before was in its place: the first `most` of them at a
  /// backend behind the gate, the others waiting.
  private func lineUp(
    _ count: Int, _ edge: Edge, _ room: ServiceRoom, _ gate: Gate, most: Int = 1
  ) async throws -> [Wire] {
    var clients: [Wire] = []
    for number in 0..<count {
      clients.append(try edge.connect())
      clients[number].write(get("/\(number)"))
      if number < most { #expect(gate.arrived.wait()) } else { await waits(room, number - most + 1) }
    }
    return clients
  }

  @Test("they are answered in their order, and the backend never has more than it may", arguments: [1, 3])
  func order(workers: Int) async throws {
    let gate = try Gate()
    let backend = try gate.backend()
    let settings = settings([backend.target])
    let room = settings.services[0].room
    try await Edge.serve(settings, workers: workers) { edge in
      let clients = try await lineUp(5, edge, room, gate)
      for number in 0..<5 {
        gate.release.signal()
        #expect(clients[number].readAnswer().body == "/\(number)")
      }
      #expect(room.standing.waiting == 0 && room.standing.entered == 4 && room.standing.times.count == 4)
    }
    _ = backend.finish()
    #expect(gate.most == 1 && gate.paths == (0..<5).map { "/\($0)" })
  }

  @Test("a crowd over several workers is answered whole, and no backend ever has more than it may")
  func crowd() async throws {
    let gates = try (0..<2).map { _ in try Gate() }
    let backends = try gates.map { try $0.backend() }
    let settings = settings(backends.map(\.target), most: 2)
    try await Edge.serve(settings, workers: 4) { edge in
      let clients = try (0..<40).map { _ in try edge.connect() }
      for (number, client) in clients.enumerated() { client.write(get("/\(number)")) }
      for gate in gates { for _ in 0..<80 { gate.release.signal() } }
      for (number, client) in clients.enumerated() { #expect(client.readAnswer().body == "/\(number)") }
      for client in clients { client.write(get("/again")) }
      for client in clients { #expect(client.readAnswer().body == "/again") }
      #expect(settings.services[0].room.standing.waiting == 0)
      // Clients have their answers a moment before anybody counts them.
      while settings.services[0].backends.contains(where: { $0.status.inFlight != 0 }) { await Task.yield() }
    }
    for backend in backends { _ = backend.finish() }
    #expect(gates.allSatisfy { $0.most <= 2 })
  }

  @Test("one that finds no place is told so at once, and when to come again")
  func full() async throws {
    let gate = try Gate()
    let backend = try gate.backend()
    let settings = settings([backend.target], size: 1)
    let room = settings.services[0].room
    try await Edge.serve(settings) { edge in
      let (first, second, third) = (try edge.connect(), try edge.connect(), try edge.connect())
      first.write(get("/1"))
      #expect(gate.arrived.wait())
      second.write(get("/2"))
      await waits(room, 1)
      third.write(get("/3"))
      let refused = third.readAnswer()
      #expect(refused.status == 429 && refused.body.contains(#""code":"queue_full""#))
      #expect(refused.field("Retry-After") == "60")
      #expect(
        refused.field("Proxy-Status")
          == #"certd; error=connection_limit_reached; details="queue_full""#)
      gate.release.signal()
      gate.release.signal()
      #expect(first.readAnswer().body == "/1" && second.readAnswer().body == "/2")
      third.write(get("/4"))
      gate.release.signal()
      #expect(third.readAnswer().body == "/4")
      #expect(room.standing.refusedFull == 1)
    }
    _ = backend.finish()
    #expect(!gate.paths.contains("/3"))
  }

  @Test("one that has waited as long as it may is told so")
  func late() async throws {
    let gate = try Gate()
    let backend = try gate.backend()
    let settings = settings([backend.target], timeout: 50)
    let room = settings.services[0].room
    try await Edge.serve(settings) { edge in
      let (first, second) = (try edge.connect(), try edge.connect())
      first.write(get("/1"))
      #expect(gate.arrived.wait())
      second.write("POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
      let refused = second.readAnswer()
      #expect(refused.status == 429 && refused.body.contains(#""code":"queue_timeout""#))
      #expect(refused.field("Retry-After") == "1")
      gate.release.signal()
      #expect(first.readAnswer().body == "/1")
      second.write(get("/3"))
      gate.release.signal()
      #expect(second.readAnswer().body == "/3")
      #expect(room.standing.refusedLate == 1 && room.standing.waiting == 0)
    }
    _ = backend.finish()
  }

  @Test("one whose client leaves waits no more, and no backend sees it", arguments: [false, true])
  func left(secure: Bool) async throws {
    let gate = try Gate()
    let backend = try gate.backend()
    var settings = settings([backend.target])
    settings.listeners.append(.loopback(2, .compatible))
    let room = settings.services[0].room
    try await Edge.serve(settings, credentials: [try Certificates.localhost.get()]) { edge in
      let first = try edge.connect()
      first.write(get("/1"))
      #expect(gate.arrived.wait())
      let second = secure ? try edge.connectSecurely() : try edge.connect()
      second.write(get("/2"))
      await waits(room, 1)
      second.close()
      await waits(room, 0)
      gate.release.signal()
      #expect(first.readAnswer().body == "/1")
      gate.release.signal()
      first.write(get("/3"))
      #expect(first.readAnswer().body == "/3")
      #expect(edge.proxy.counters[.requestsAborted] == 1)
    }
    _ = backend.finish()
    #expect(gate.paths == ["/1", "/3"])
  }

  @Test("streams of HTTP/2 wait, leave and are called each by itself")
  func streams() async throws {
    let gate = try Gate()
    let backend = try gate.backend()
    let settings = HTTP2Edge.settings(backend.target) { settings in
      settings.services[0].rules.maxRequestsPerBackend = 1
    }
    let room = settings.services[0].room
    try await HTTP2Edge.serve(settings) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2Case.get("/1")))
      #expect(gate.arrived.wait())
      client.send(.headers(3, HTTP2Case.get("/3")), .headers(5, HTTP2Case.get("/5")))
      await waits(room, 2)
      client.send(.reset(3))
      await waits(room, 1)
      gate.release.signal()
      gate.release.signal()
      #expect(client.response(1).text == "/1" && client.response(5).text == "/5")
    }
    _ = backend.finish()
    #expect(gate.paths == ["/1", "/5"])
  }

  @Test("calls to HTTP/2 backends wait as well, and are refused in gRPC's words")
  func calls() async throws {
    let (arrived, release) = (try Event(), try Event())
    let script = HTTP2BackendTests.answering { stream, _ in
      arrived.signal()
      release.wait()
      return [.headers(stream, HTTP2BackendTests.status(0), end: true)]
    }
    let backend = try Backend(script)
    let settings = settings([HTTP2BackendTests.target(backend)], size: 1) { settings in
      settings.listeners[0].h2c = true
    }
    let room = settings.services[0].room
    try await Edge.serve(settings) { edge in
      let client = try edge.http2()
      #expect(client.start())
      client.send(.headers(1, HTTP2BackendTests.call))
      #expect(arrived.wait())
      client.send(.headers(3, HTTP2BackendTests.call))
      await waits(room, 1)
      client.send(.headers(5, HTTP2BackendTests.call))
      let refused = client.response(5)
      #expect(refused.status == 200 && refused.field("grpc-status") == "8")
      #expect(refused.field("grpc-retry-pushback-ms") == "60000")
      release.signal()
      release.signal()
      #expect(client.response(1).field("grpc-status") == "0")
      #expect(client.response(3).field("grpc-status") == "0")
    }
    _ = backend.finish()
  }

  @Test("those who wait are told at once when no backend is alive any more, and others when none is")
  func dead() async throws {
    let gate = try Gate()
    let backend = try gate.backend()
    let settings = settings([backend.target]) { settings in
      settings.services[0].rules.retries.rule.repeatsAll = true
      settings.services[0].rules.recheck = 7000
    }
    let room = settings.services[0].room
    try await Edge.serve(settings) { edge in
      let (first, second) = (try edge.connect(), try edge.connect())
      first.write(get("/1"))
      #expect(gate.arrived.wait())
      second.write(get("/2"))
      await waits(room, 1)
      settings.services[0].backends[0].status.health = .unhealthy
      let refused = second.readAnswer()
      #expect(refused.status == 503 && refused.field("Retry-After") == "7")
      #expect(
        refused.field("Proxy-Status") == #"certd; error=destination_unavailable; details="no_backend""#)
      second.write("POST /v1/messages HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")
      let inShape = second.readAnswer()
      #expect(inShape.status == 503)
      #expect(inShape.body.contains(#""type":"error","error":{"type":"overloaded_error""#))
      gate.release.signal()
      #expect(first.readAnswer().body == "/1")
      #expect(room.standing.waiting == 0)
    }
    _ = backend.finish()
  }

  @Test("one that a backend has failed waits for another one, which has it next")
  func again() async throws {
    let (busy, failing) = (try Gate(), try Gate())
    let (good, bad) = (try busy.backend(), try failing.backend(status: 503))
    let settings = settings([good.target, bad.target]) { settings in
      settings.services[0].rules.retries.rule.insert(status: 503)
      settings.services[0].rules.retries.budgetPercent = 100
    }
    let room = settings.services[0].room
    try await Edge.serve(settings) { edge in
      let clients = try (0..<3).map { _ in try edge.connect() }
      clients[0].write(get("/0"))
      #expect(busy.arrived.wait())
      clients[1].write(get("/1"))
      #expect(failing.arrived.wait())
      clients[2].write(get("/2"))
      await waits(room, 1)
      failing.release.signal()
      // Its place at the failing one has gone to the next; it waits itself.
      #expect(failing.arrived.wait())
      await waits(room, 1)
      busy.release.signal()
      #expect(clients[0].readAnswer().body == "/0")
      busy.release.signal()
      let answer = clients[1].readAnswer()
      #expect(answer.status == 200 && answer.body == "/1")
      busy.release.signal()
      failing.release.signal()
      #expect(clients[2].readAnswer().status == 200)
    }
    _ = good.finish()
    _ = bad.finish()
  }

  @Test("settings that allow more call those who wait, and a service that is gone serves them still")
  func reload() async throws {
    let gate = try Gate()
    let backend = try gate.backend()
    var settings = settings([backend.target])
    let room = settings.services[0].room
    try await Edge.serve(settings) { edge in
      let clients = try await lineUp(4, edge, room, gate)
      settings.services[0].rules.maxRequestsPerBackend = 2
      try await edge.proxy.apply(settings)
      #expect(gate.arrived.wait())
      await waits(room, 2)
      settings.services[0].name = "other"
      settings.services[0].room = ServiceRoom()
      try await edge.proxy.apply(settings)
      for _ in 0..<4 { gate.release.signal() }
      for number in 0..<4 { #expect(clients[number].readAnswer().body == "/\(number)") }
    }
    _ = backend.finish()
    #expect(gate.most == 2)
  }

  @Test("fewer that may be under way hold for those who wait, and no limit lets all of them go")
  func lowered() async throws {
    let gate = try Gate()
    let backend = try gate.backend()
    var settings = settings([backend.target], most: 2)
    let room = settings.services[0].room
    try await Edge.serve(settings) { edge in
      let clients = try await lineUp(5, edge, room, gate, most: 2)
      settings.services[0].rules.maxRequestsPerBackend = 1
      try await edge.proxy.apply(settings)
      gate.release.signal()
      #expect(settings.services[0].backends[0].status.inFlight <= 2)
      gate.release.signal()
      #expect(clients[0].readAnswer().status == 200 && clients[1].readAnswer().status == 200)
      #expect(gate.arrived.wait())
      await waits(room, 2)
      #expect(settings.services[0].backends[0].status.inFlight == 1)
      settings.services[0].rules.maxRequestsPerBackend = nil
      try await edge.proxy.apply(settings)
      #expect(gate.arrived.wait() && gate.arrived.wait())
      for _ in 0..<3 { gate.release.signal() }
      for number in 2..<5 { #expect(clients[number].readAnswer().body == "/\(number)") }
    }
    _ = backend.finish()
  }

  @Test("a drain serves those who wait, and tells those whom it cannot")
  func drain() async throws {
    let gate = try Gate()
    let backend = try gate.backend()
    let settings = settings([backend.target])
    let room = settings.services[0].room
    try await Edge.serve(settings) { edge in
      let clients = try await lineUp(3, edge, room, gate)
      let drained = Task(priority: .high) { await edge.proxy.drain(milliseconds: 3000) }
      try await OwnThread.run {
        gate.release.signal()
        #expect(clients[0].readAnswer().body == "/0")
        #expect(gate.arrived.wait())
        let refused = clients[2].readAnswer()
        #expect(refused.status == 503 && refused.field("Retry-After") == "1")
        gate.release.signal()
      }
      await drained.value
    }
    _ = backend.finish()
    #expect(gate.paths == ["/0", "/1"])
  }

  @Test("whatever clients do while they wait, nothing of them is left behind")
  func chaos() async throws {
    let gates = try (0..<2).map { _ in try Gate() }
    let backends = try gates.map { try $0.backend() }
    let settings = settings(backends.map(\.target), most: 2, size: 12, timeout: 20)
    let room = settings.services[0].room
    var random = SeededGenerator(seed: 7)
    try await Edge.serve(settings, workers: 4) { edge in
      for _ in 0..<20 {
        var clients = try (0..<12).map { _ in try edge.connect() }
        for client in clients { client.write(get("/")) }
        for _ in 0..<6 { clients.remove(at: Int.random(in: 0..<clients.count, using: &random)).close() }
        for gate in gates { for _ in 0..<2 { gate.release.signal() } }
        let pace = Int.random(in: 0..<4, using: &random)
        for client in clients.prefix(pace) { client.write(get("/pipelined")) }
        for gate in gates { for _ in 0..<30 { gate.release.signal() } }
        for client in clients.dropFirst(pace) { #expect([200, 429].contains(client.readAnswer().status)) }
        for client in clients { client.close() }
      }
      while room.standing.waiting != 0 { await Task.yield() }
      while settings.services[0].backends.contains(where: { $0.status.inFlight != 0 }) { await Task.yield() }
      let client = try edge.connect()
      for gate in gates { gate.release.signal() }
      client.write(get("/last"))
      #expect(client.readAnswer().body == "/last")
    }
    for backend in backends { _ = backend.finish() }
    #expect(gates.allSatisfy { $0.most <= 2 })
  }

  @Test("over HTTP/1 the smaller of both limits counts, and what is beyond it waits")
  func connections() async throws {
    let gate = try Gate()
    let backend = try gate.backend()
    let settings = settings([backend.target], most: 9) { $0.services[0].rules.maxConnections = 1 }
    let room = settings.services[0].room
    try await Edge.serve(settings) { edge in
      let (first, second) = (try edge.connect(), try edge.connect())
      first.write(get("/1"))
      #expect(gate.arrived.wait())
      second.write(get("/2"))
      await waits(room, 1)
      gate.release.signal()
      gate.release.signal()
      #expect(first.readAnswer().body == "/1" && second.readAnswer().body == "/2")
    }
    _ = backend.finish()
    #expect(gate.most == 1)
  }
}
