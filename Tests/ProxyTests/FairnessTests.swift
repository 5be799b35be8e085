import APIKeys
import Bytes
import OS
import PKI
import Synchronization
import TLS
import TestPeers
import TestRun
import TestSupport
import Testing
import Upstream

@testable import Proxy

/// A server that answers one request after another, each when it is let, and knows in which order they came.
private final class Turnstile: Sendable {
  let arrived: Event
  let release: Event
  private let seen = Mutex<[String]>([])

  init() throws {
    arrived = try Event()
    release = try Event()
  }

  var order: [String] { seen.withLock { $0 } }

  func backend() throws -> Backend {
    try Backend { [self] wire in
      while true {
        let head = wire.readHead()
        guard head.hasSuffix("\r\n\r\n") else { return }
        let path = String(head.split(separator: " ").dropFirst().first?.dropFirst() ?? "")
        seen.withLock { $0.append(path) }
        arrived.signal()
        release.wait()
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(path.utf8.count)\r\n\r\n\(path)")
      }
    }
  }
}

@Suite("Whose turn it is, shown through the proxy", .ownThread) struct FairnessTests {
  private static func secret(_ name: String) -> String {
    "sk-certd-" + name + String(repeating: "0", count: 40 - name.utf8.count)
  }

  private static func ring(_ keys: [(name: String, priority: KeyPriority)]) throws -> KeyRing {
    let records = try keys.map { name, priority in
      var key = KeyRecord(
        id: "key_\(name)", name: name, group: "team",
        sha256: Hex.encode(try Digest.sha256(Array(secret(name).utf8))))
      key.priority = priority
      return key
    }
    let usages = KeyUsages()
    return KeyRing([KeyGroup(name: "team", limits: KeyLimits(), keys: records)]) {
      usages.usage(.init(group: $0, id: $1))
    }
  }

  /// A request of a key, of about so many bytes.
  private static func ask(_ path: String, _ name: String, bytes: Int) -> String {
    "GET /\(path) HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer \(secret(name))\r\n"
      + "X-Pad: \(String(repeating: "x", count: bytes))\r\n\r\n"
  }

  /// Has these requests wait behind one that is under way, in this order, and tells in which they are answered.
  private func answered(
    _ ring: KeyRing, first: String, _ waiting: [(path: String, key: String, bytes: Int)]
  ) async throws -> [String] {
    let turnstile = try Turnstile()
    let backend = try turnstile.backend()
    let settings = Settings.bare([backend.target]) { settings in
      settings.routes[0].ring = ring
      settings.services[0].rules.maxRequestsPerBackend = 1
      settings.services[0].rules.queue.timeout = 60_000
    }
    let room = settings.services[0].room
    try await Edge.serve(settings) { edge in
      let before = try edge.connect()
      before.write(Self.ask("before", first, bytes: 0))
      #expect(turnstile.arrived.wait())
      var clients: [Wire] = []
      for one in waiting {
        clients.append(try edge.connect())
        clients[clients.count - 1].write(Self.ask(one.path, one.key, bytes: one.bytes))
        while room.standing.waiting != clients.count { await Task.yield() }
      }
      for _ in 0...waiting.count { turnstile.release.signal() }
      #expect(before.readAnswer().status == 200)
      for (client, one) in zip(clients, waiting) { #expect(client.readAnswer().body == one.path) }
    }
    _ = backend.finish()
    return Array(turnstile.order.dropFirst())
  }

  @Test(
    "a key that floods keeps a modest one waiting for a few of its requests at most, and both are answered")
  func keys() async throws {
    let ring = try Self.ring([("flood", .normal), ("modest", .normal)])
    let flood = (0..<20).map { (path: "flood-\($0)", key: "flood", bytes: 8192) }
    let modest = (0..<4).map { (path: "modest-\($0)", key: "modest", bytes: 2048) }
    let order = try await answered(ring, first: "flood", flood + modest)
    #expect(order.count == 24)
    #expect((order.lastIndex { $0.hasPrefix("modest") } ?? 24) < 8, "\(order)")
    for name in ["flood", "modest"] {
      let own = order.filter { $0.hasPrefix(name) }
      #expect(own == own.indices.map { "\(name)-\($0)" })
    }
    // By tokens: what each has had by then differs by a turn and a request at most.
    let half = order.prefix(8)
    let tokens = (
      half.filter { $0.hasPrefix("flood") }.count * 2048, half.filter { $0.hasPrefix("modest") }.count * 512
    )
    #expect(tokens.0 - tokens.1 <= 8 * 2048)
  }

  @Test("high comes before normal and normal before low, and of nine in a row one is of each that waits")
  func classes() async throws {
    let ring = try Self.ring([("low", .low), ("normal", .normal), ("high", .high)])
    let waiting = ["low", "normal", "high"].flatMap { name in
      (0..<12).map { (path: "\(name)-\($0)", key: name, bytes: 64) }
    }
    let order = try await answered(ring, first: "low", waiting)
    func places(_ name: String) -> [Int] { order.indices.filter { order[$0].hasPrefix(name) } }
    #expect(order.count == 36)
    #expect(order.first == "high-0")
    for name in ["normal", "low"] { #expect(places(name)[0] <= 9, "\(order)") }
    #expect((places("high").last ?? 36) < (places("normal").last ?? 0), "\(order)")
    #expect((places("normal").last ?? 36) < (places("low").last ?? 0), "\(order)")
    #expect(places("high").filter { $0 < 12 }.count >= 9)
  }

  @Test(
    "the certificate that a client shows stands for a key, and another one of the same authority does not")
  func certificate() async throws {
    let clients = try ClientAuthority()
    var key = KeyRecord(id: "key_alice", name: "alice", group: "team", sha256: nil)
    key.certificate = "CN=alice"
    let usages = KeyUsages()
    let ring = KeyRing([KeyGroup(name: "team", limits: KeyLimits(), keys: [key])]) {
      usages.usage(.init(group: $0, id: $1))
    }
    let backend = try Backend { answerProbe($0) }
    let settings = Settings.bare(backend.target, secure: true) { settings in
      settings.listeners[1].clients = ClientCheck(
        verification: .init(mode: .require, authoritiesPEM: [clients.pem], revocationLists: []),
        forwardsNames: false)
      settings.routes[0].ring = ring
    }
    try await Edge.serve(settings, credentials: [try Certificates.localhost.get()]) { edge in
      for (subject, status) in [("CN=alice", 200), ("CN=mallory", 401)] {
        let wire = try Wire.connect(edge.proxy.addresses[1])
        let context = try ClientContext(
          trust: Certificates.authority.get().trust,
          identity: try clients.client(subject, names: "DNS:\(subject.dropFirst(3)).test"))
        #expect(wire.secure { Session(client: context, host: "localhost", pipe: $0) })
        wire.write("GET /probe HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(wire.readAnswer().status == status, "\(subject)")
      }
      let plain = try edge.connect()
      plain.write("GET /probe HTTP/1.1\r\nHost: localhost\r\nX-Client-Cert-Subject: CN=alice\r\n\r\n")
      #expect(plain.readAnswer().status == 401)
    }
    _ = backend.finish()
  }
}
