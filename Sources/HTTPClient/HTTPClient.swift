// HTTPClient: the control plane's requests, on a loop of its own.
//
// It does not follow redirects, keep cookies, decode content or decide what is repeated. It promises a deadline for every call.

internal import EventLoop
public import HTTP
public import OS
public import TLS
internal import Synchronization

/// The control plane's HTTP client: ACME, health checks, proofs of what our own listeners present.
///
/// It does not follow redirects, keep cookies, decode content codings or repeat anything: whoever calls decides.
/// One exception: an idempotent request that met a kept connection being closed is made again on a new one
/// (RFC 9110 §9.2.2).
/// All sockets live on one control loop and never block; the `async` face gives deadlines and cancellation.
public final class HTTPClient: Sendable {
  private let loop: ControlLoop

  /// How long a connection is kept unused unless told otherwise, in milliseconds.
  public static let defaultIdleMilliseconds: UInt64 = 15_000

  /// Starts the control loop. Throws when the system has no room for it, or a root does not parse.
  public init(
    environment: [String: String] = [:], idleMilliseconds: UInt64 = defaultIdleMilliseconds
  ) throws(HTTPClientError) {
    do throws(SystemError) {
      loop = try ControlLoop(
        proxy: ProxyRules(environment: environment), idleMilliseconds: idleMilliseconds)
      try loop.start()
    } catch { throw HTTPClientError(.connect, error.description) }
  }

  deinit { loop.stop() }

  /// How one request is made.
  public struct Options: Sendable {
    /// Whom to trust; nil for the system's roots. Only for https.
    public var context: ClientContext?
    /// Connect here instead of to the URL's host; SNI, verification and Host stay those of the URL.
    public var address: SocketAddress?
    /// From call to complete response, in milliseconds.
    public var deadlineMilliseconds: UInt64
    /// The largest content accepted, in bytes.
    public var maximumBodyBytes: Int
    /// Whether the connection is kept for the next request to the same origin.
    public var keepsAlive: Bool
    /// HTTP/2 in place of HTTP/1.1, on a connection of its own: over TLS the context must offer `h2`.
    public var http2 = false
    /// Is given the content of an answer with status 200 as it comes, in place of the response; called on the client's own
    /// thread, HTTP/1.1 only. Then `maximumBodyBytes` limits one piece.
    public var content: (@Sendable ([UInt8]) -> Void)?
    /// Bytes that begin a new connection, before TLS.
    public var preamble: [UInt8] = []
    /// Hears of the content as it comes, on the loop's thread: the response then has none, and `maximumBodyBytes` is for
    /// each piece. HTTP/1.1 only.
    public var taking: (@Sendable ([UInt8]) -> Void)?

    /// Options with their defaults: 30 s and 1 MiB, connections kept.
    public init(
      context: ClientContext? = nil, address: SocketAddress? = nil, deadlineMilliseconds: UInt64 = 30_000,
      maximumBodyBytes: Int = 1 << 20, keepsAlive: Bool = true
    ) {
      self.context = context
      self.address = address
      self.deadlineMilliseconds = deadlineMilliseconds
      self.maximumBodyBytes = maximumBodyBytes
      self.keepsAlive = keepsAlive
    }
  }

  /// Sends a request and returns the whole response, whatever its status. Content-Length, Transfer-Encoding
  /// and Connection are ours; a field that would break the head throws `malformed`.
  public func send(_ request: Request, _ options: Options = Options()) async throws(HTTPClientError)
    -> Response
  {
    if let refusal = RequestWriter.refusal(of: request) { throw HTTPClientError(.malformed, refusal) }
    switch try await perform(.request(request), request.url, options) {
    case .response(let response): return response
    case .peerChain, .connected: throw HTTPClientError(.malformed, "no response")
    }
  }

  /// The certificate chain, DER and leaf first, that a TLS server presents for a name. It is not verified.
  /// `preamble` is sent before TLS begins; `accepts` tells which of the server's leaves is asked for, `protocols` what
  /// is offered by ALPN.
  public func peerChain(
    at address: SocketAddress, serverName: String, deadlineMilliseconds: UInt64, preamble: [UInt8] = [],
    accepts: ClientContext.PeerKey = .any, protocols: [String] = ["http/1.1"]
  ) async throws(HTTPClientError) -> [[UInt8]] {
    let context: ClientContext
    do throws(ContextError) {
      context = try ClientContext(
        trust: .init(system: false, verifies: false), applicationProtocols: protocols, accepts: accepts)
    } catch { throw HTTPClientError(.tls, error.description) }
    guard
      let url = URL(
        "https://\(serverName.contains(":") ? "[\(serverName)]" : serverName):\(max(1, address.port))/")
    else { throw HTTPClientError(.malformed, "not a server name: \(serverName)") }
    var options = Options(
      context: context, address: address, deadlineMilliseconds: deadlineMilliseconds, keepsAlive: false)
    options.preamble = preamble
    switch try await perform(.handshake, url, options) {
    case .peerChain(let chain): return chain
    case .response, .connected: return []
    }
  }

  /// Succeeds when a TLS connection to a URL's host can be made, verified as the options say.
  public func handshake(_ url: URL, _ options: Options) async throws(HTTPClientError) {
    _ = try await perform(.handshake, url, options)
  }

  /// Succeeds when a TCP connection can be made.
  public func connect(
    to address: SocketAddress, deadlineMilliseconds: UInt64
  ) async throws(HTTPClientError) {
    guard let url = URL("http://backend/") else { return }
    let options = Options(address: address, deadlineMilliseconds: deadlineMilliseconds, keepsAlive: false)
    _ = try await perform(.connectOnly, url, options)
  }

  private func perform(
    _ goal: Job.Goal, _ url: URL, _ options: Options
  ) async throws(HTTPClientError) -> Job.Success {
    let job = Job(goal: goal, url: url, options: options)
    let loop = loop
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation {
        (done: CheckedContinuation<Result<Job.Success, HTTPClientError>, Never>) in
        if job.begin(done) { loop.mailbox.post(.start(job)) }
      }
    } onCancel: {
      loop.mailbox.post(.cancel(job))
    }
    return try result.get()
  }
}

/// A request got no response.
public struct HTTPClientError: Error, Equatable, CustomStringConvertible, Sendable {
  /// What went wrong.
  public enum Kind: String, Sendable {
    case resolve, connect, tls, dropped, timeout, tooLarge, malformed, cancelled
  }
  /// What went wrong.
  public let kind: Kind
  /// Why, in words.
  public let reason: String

  init(_ kind: Kind, _ reason: String) {
    self.kind = kind
    self.reason = reason
  }

  /// Kind and reason in one line.
  public var description: String { "\(kind.rawValue): \(reason)" }
}

/// One thing asked of the control loop; answered exactly once.
final class Job: Sendable {
  enum Goal: Sendable {
    case request(Request)
    case handshake
    case connectOnly
  }

  enum Success: Sendable {
    case response(Response)
    case peerChain([[UInt8]])
    case connected
  }

  typealias Continuation = CheckedContinuation<Result<Success, HTTPClientError>, Never>

  let goal: Goal
  let url: URL
  let options: HTTPClient.Options
  private enum Phase: Sendable {
    case notBegun
    case waiting(Continuation)
    case finished(Result<Success, HTTPClientError>)
  }

  private let phase = Mutex(Phase.notBegun)

  init(goal: Goal, url: URL, options: HTTPClient.Options) {
    self.goal = goal
    self.url = url
    self.options = options
  }

  /// Whether it may be repeated without harm (RFC 9110 §9.2.2).
  var isIdempotent: Bool {
    guard case .request(let request) = goal else { return false }
    return ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"].contains(request.method)
  }

  /// Whether its answer is known.
  var isFinished: Bool {
    phase.withLock { if case .finished = $0 { true } else { false } }
  }

  /// Takes who waits; false when it was cancelled before, and the waiting is over.
  func begin(_ continuation: Continuation) -> Bool {
    let early: Result<Success, HTTPClientError>? = phase.withLock {
      if case .finished(let result) = $0 { return result }
      $0 = .waiting(continuation)
      return nil
    }
    if let early { continuation.resume(returning: early) }
    return early == nil
  }

  func finish(_ result: Result<Success, HTTPClientError>) {
    let waiting: Continuation? = phase.withLock {
      switch $0 {
      case .finished: return nil
      case .notBegun:
        $0 = .finished(result)
        return nil
      case .waiting(let continuation):
        $0 = .finished(result)
        return continuation
      }
    }
    waiting?.resume(returning: result)
  }
}
