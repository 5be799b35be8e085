import HTTP
import HTTPClient
import OS
import Synchronization

/// A real etcd, one member or several, each with its data in the test's directory.
public final class EtcdServer: Sendable {
  /// Whether Debian's `etcd-server` is installed; where it is not, tests that need it are skipped.
  public static let isInstalled: Bool = {
    let path = Subprocess.inheritedEnvironment()["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").contains {
      (try? FileSystem().status("\($0)/etcd", followingLinks: true)) != nil
    }
  }()

  /// Why they are.
  public static let whySkipped = "etcd is not installed: apt-get install etcd-server"

  /// One member.
  public struct Member: Sendable {
    /// Where it is asked.
    public let endpoint: String
    let arguments: [String]
    /// Its process.
    public let child: Child
  }

  private let place: Place
  private let state: Mutex<[Member]>

  /// Starts so many members and waits until they answer.
  public init(_ place: Place, members count: Int = 1, _ more: [String] = []) async throws {
    self.place = place
    var ports: [(client: UInt16, peer: UInt16)] = []
    for _ in 0..<count { ports.append((try FreePort.take(), try FreePort.take())) }
    let cluster = ports.enumerated().map { "m\($0.offset)=http://127.0.0.1:\($0.element.peer)" }
      .joined(separator: ",")
    var members: [Member] = []
    for (index, port) in ports.enumerated() {
      let (endpoint, peer) = ("http://127.0.0.1:\(port.client)", "http://127.0.0.1:\(port.peer)")
      let arguments =
        [
          "etcd", "--name", "m\(index)", "--data-dir", place("etcd-\(index)"), "--listen-client-urls",
          endpoint,
          "--advertise-client-urls", endpoint, "--listen-peer-urls", peer, "--initial-advertise-peer-urls",
          peer,
          "--initial-cluster", cluster, "--initial-cluster-state", "new",
        ] + more
      let child = try await place.start(arguments, environment: ["GOMAXPROCS": "1"], called: "etcd")
      members.append(Member(endpoint: endpoint, arguments: arguments, child: child))
    }
    state = Mutex(members)
    for member in members { try await Self.wait(member) }
  }

  /// Where its members are asked.
  public var endpoints: [String] { state.withLock { $0.map(\.endpoint) } }

  /// Ends a member at once, as a crash does.
  public func kill(_ index: Int = 0) async throws {
    let child = state.withLock { $0[index].child }
    child.signal(9)
    _ = try await child.end()
  }

  /// Starts a member that was ended, with what it had.
  public func restart(_ index: Int = 0) async throws {
    let old = state.withLock { $0[index] }
    let child = try await place.start(old.arguments, environment: ["GOMAXPROCS": "1"], called: "etcd")
    let member = Member(endpoint: old.endpoint, arguments: old.arguments, child: child)
    state.withLock { $0[index] = member }
    try await Self.wait(member)
  }

  private static func wait(_ member: Member) async throws {
    guard let url = URL(member.endpoint + "/health") else { return }
    let client = try HTTPClient()
    try await eventually("etcd answers: \(member.child.errors)") {
      guard member.child.ending == nil else { throw NeverHappened(what: "etcd: \(member.child.errors)") }
      let answer = try? await client.send(Request("GET", url), .init(deadlineMilliseconds: 2000))
      return answer?.status == 200
    }
  }
}
