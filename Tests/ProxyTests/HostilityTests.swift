import OS
import Proxy
import Telemetry
import TestSupport
import TestPeers
import TestRun
import Testing

@Suite("Hostile clients", .ownThread) struct HostilityTests {
  @Test("A well-behaved client is served beside many idle and many trickling ones")
  func crowd() async throws {
    let backend = try Backend { answerProbe($0) }
    try await Edge.serve(.bare(backend.target), workers: 2) { edge in
      var crowd: [Wire] = []
      // As many as descriptors allow: each takes two of this process.
      let count = min(2000, (DescriptorLimit.current - 400) / 2)
      for number in 0..<count {
        let wire = try edge.connect()
        if number % 2 == 0 { wire.write("GET / HTTP/1.1\r\nHost: ") }
        crowd.append(wire)
        if number % 100 == 0 {
          let client = try edge.connect()
          client.write(FramingCase.probe)
          #expect(client.readAnswer().body == "probe")
        }
      }
      for wire in crowd.prefix(50) { wire.write("h\r\n\r\n") }
      for wire in stride(from: 0, to: 50, by: 2).map({ crowd[$0] }) {
        #expect(wire.readAnswer().body == "probe")
      }
    }
    _ = backend.finish()
  }

  @Test("Two thousand mutated requests neither stop the proxy nor reach a backend as something else")
  func mutations() async throws {
    let backend = try Backend { answerProbe($0) }
    let seeds = FramingCase.all.map { latin1($0.sent) }.filter { $0.count < 300 }
    try await Edge.serve(.bare(backend.target)) { edge in
      var random = SeededGenerator(seed: 77)
      for _ in 0..<2000 {
        var bytes = seeds.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...4, using: &random) { Self.mutate(&bytes, &random) }
        let client = try edge.connect()
        client.write(bytes)
        client.close()
      }
      let client = try edge.connect()
      client.write(FramingCase.probe)
      #expect(client.readAnswer().status == 200)
    }
    _ = backend.finish()
  }

  static func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
    guard !bytes.isEmpty else { return }
    let at = Int.random(in: 0..<bytes.count, using: &random)
    switch Int.random(in: 0..<5, using: &random) {
    case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
    case 1: bytes.remove(at: at)
    case 2: bytes.insert(contentsOf: bytes[at...].prefix(20), at: at)
    case 3: bytes.insert([0x0A, 0x0D, 0x00, 0x20, 0x3A].randomElement(using: &random) ?? 0, at: at)
    default: bytes.removeLast(min(bytes.count, 10))
    }
  }

  @Test("Bytes that are no TLS do no harm on a TLS listener", arguments: [1, 2])
  func noTLS(workers: Int) async throws {
    let backend = try Backend { answerProbe($0) }
    try await Edge.serve(
      .bare(backend.target, secure: true), workers: workers, credentials: [try Certificates.localhost.get()]
    ) { edge in
      var random = SeededGenerator(seed: 3)
      for number in 0..<200 {
        let client = try edge.connect(1)
        client.writeRaw(number % 2 == 0 ? latin1(FramingCase.probe) : [22, 3, 1, 0, 80] + random.bytes(80))
        _ = client.readToEnd()
        #expect(client.ending != nil)
      }
      let client = try edge.connectSecurely()
      client.write(FramingCase.probe)
      #expect(client.readAnswer().body == "probe")
      #expect(edge.proxy.counters[.handshakesFailed] == 200)
    }
    _ = backend.finish()
  }
}
