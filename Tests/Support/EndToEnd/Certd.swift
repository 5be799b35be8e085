import Bytes
import CLinux
import HTTPClient
import OS
public import PKI

/// The program under test, as a user runs it.
public struct Certd: Sendable {
  private let place: Place
  private let program: String
  private let wrapper: [String]

  /// Run in the directory of a test; `wrapper` are words before its own, of a program that runs another one.
  public init(_ place: Place, under wrapper: [String] = []) throws {
    self.place = place
    self.wrapper = wrapper
    program = try Place.certd()
    guard (try? FileSystem().status(program, followingLinks: true)) != nil else {
      throw NeverHappened(what: "\(program): build it with 'swift build', or name one by CERTD_BIN")
    }
  }

  /// Runs a command to its end.
  public func callAsFunction(
    _ arguments: String..., with more: [String] = []
  ) async throws -> Place.Finished {
    try await place.run(wrapper + [program] + arguments + more, called: arguments[0])
  }

  /// Starts a command.
  public func start(_ arguments: [String]) async throws -> Child {
    try await place.start(wrapper + [program] + arguments, called: arguments[0])
  }

  /// Starts `certd run` and waits until it listens.
  public func run(_ arguments: [String]) async throws -> Daemon {
    let child = try await start(["run"] + arguments)
    try await eventually("certd listens: \(child.errors)") {
      guard child.ending == nil else { throw NeverHappened(what: "certd runs: \(child.errors)") }
      return child.errors.contains(#""message":"listening""#)
    }
    return Daemon(child)
  }

  /// A `certd run`.
  public struct Daemon: Sendable {
    /// The process.
    public let child: Child

    init(_ child: Child) { self.child = child }

    /// One that was started by another command than `run`.
    public init(running child: Child) { self.child = child }

    /// Its log so far.
    public var log: String { child.errors }

    /// The lines of its log with a message, each as it stands.
    public func lines(_ message: String) -> [String] {
      log.split(separator: "\n").map(String.init).filter { $0.contains(#""message":"\#(message)""#) }
    }

    /// Waits until its log has a number of lines with a message.
    public func logged(_ message: String, times: Int = 1) async throws {
      try await eventually("\(message) x \(times) in:\n\(log)") {
        if lines(message).count >= times { return true }
        guard child.ending == nil else { throw NeverHappened(what: "\(message) in the ended:\n\(log)") }
        return false
      }
    }

    /// The port of its HTTPS listener.
    public func httpsPort() throws -> UInt16 { try port("https") }

    /// The port of its first listener of a kind, waited for: listeners are told one after the other.
    public func port(_ kind: String) throws -> UInt16 {
      let deadline = Clock.monotonicNanoseconds() + UInt64(patienceInSeconds) * 1_000_000_000
      while Clock.monotonicNanoseconds() < deadline, child.ending == nil {
        let line = lines("listening").first { $0.contains(#""protocol":"\#(kind)""#) } ?? ""
        let address = line.split(separator: #""address":""#).last?.prefix { $0 != "\"" } ?? ""
        if let port = address.split(separator: ":").last.flatMap({ UInt16($0) }) { return port }
        poll(nil, 0, 10)
      }
      throw NeverHappened(what: "an \(kind) listener in:\n\(log)")
    }

    /// The leaf that a client gets for a name; not verified.
    public func leaf(_ name: String) async throws -> Certificate {
      guard let leaf = try await chain(name).first else {
        throw NeverHappened(what: "a certificate for \(name)")
      }
      return leaf
    }

    /// Everything that a client gets for a name; not verified.
    public func chain(_ name: String) async throws -> [Certificate] {
      guard let address = SocketAddress(host: "127.0.0.1", port: try httpsPort()) else {
        throw NeverHappened(what: "an address")
      }
      let chain = try await HTTPClient().peerChain(
        at: address, serverName: name, deadlineMilliseconds: 30_000)
      return try chain.map { try Certificate(der: $0) }
    }

    /// Asks it to stop, and waits for its end.
    public func stop() async throws -> Child.Ending {
      child.signal(15)
      return try await child.end()
    }
  }
}
