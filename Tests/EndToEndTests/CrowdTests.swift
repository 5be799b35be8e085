import EndToEnd
import Glibc
import TestPeers
import OS
import TestRun
import Testing

/// Crowds and floods before the real program: what they cost it, and that others are answered.
@Suite(.ownThread) struct CrowdTests {
  private static let wanted = 10_000

  /// How many descriptors this process and its children may have; raised as far as it may go.
  private static let descriptors: Int = {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return Int(clamping: limit.rlim_cur)
  }()

  private static func address(_ scene: RealClientTests.Scene) throws -> SocketAddress {
    try #require(SocketAddress(host: "127.0.0.1", port: scene.plain))
  }

  @Test(
    "ten thousand idle connections, half of them HTTP/2, leave others their answers, and cost little each")
  func idle() async throws {
    // Far fewer only where the system allows no more.
    let count = min(Self.wanted, Self.descriptors - 1000)
    let scene = try await RealClientTests.Scene()
    let address = try Self.address(scene)
    let before = try #require(scene.daemon.child.memoryInBytes)
    let child = scene.daemon.child
    let (problems, after) = try await OwnThread.run { () -> ([String], Int?) in
      var crowd: [HTTP2Connection] = []
      for number in 0..<count {
        guard let one = try? HTTP2Connection(to: address) else { return (["\(number) is refused"], nil) }
        if number % 2 == 0, !one.start() { return (["\(number) is not begun: \(one.trace)"], nil) }
        crowd.append(one)
        if number % 500 == 0, let problem = Self.ask(address) { return (["at \(number): \(problem)"], nil) }
      }
      for one in crowd.prefix(40) where one.settingsAcks > 0 {
        if !one.goesOn() { return (["an idle connection has been given up"], nil) }
      }
      return (Self.ask(address).map { [$0] } ?? [], child.memoryInBytes)
    }
    #expect(problems == [])
    let each = (try #require(after, "certd has ended: \(scene.daemon.log)") - before) / count
    #expect(each < 16 * 1024, "\(each) bytes each of \(count)")
  }

  @Test("no attack makes it hold much memory or stop answering", arguments: Attack.allCases)
  func floods(_ attack: Attack) async throws {
    let scene = try await RealClientTests.Scene()
    let address = try Self.address(scene)
    let before = try #require(scene.daemon.child.memoryInBytes)
    let problems = try await OwnThread.run { () -> [String] in
      // An answer that is never taken is waited for: one such connection is enough.
      for _ in 0..<(attack == .zeroWindow ? 0 : 5) {
        guard let attacker = try? HTTP2Connection(to: address) else { return ["refused"] }
        attack.play(on: attacker)
        if let problem = Self.ask(address) { return [problem] }
      }
      return []
    }
    #expect(problems == [])
    let after = try #require(scene.daemon.child.peakMemoryInBytes, "certd has ended: \(scene.daemon.log)")
    #expect(after - before < 64 << 20, "\((after - before) >> 20) MiB")
  }

  /// What is wrong with an answer to a new client; nil when nothing is.
  private static func ask(_ address: SocketAddress) -> String? {
    guard let client = try? HTTP2Connection(to: address), client.start() else { return "no connection" }
    let request: [Header] = [":method=GET", ":scheme=http", ":path=/v1/models", ":authority=localhost"]
    client.send(.headers(1, HPACK.block(request)))
    let answer = client.response(1)
    return answer.status == 200 ? nil : "status \(answer.status ?? 0): \(client.trace)"
  }
}
