internal import EventLoop
internal import OS
internal import Synchronization
internal import TLS
public import Upstream

/// What the workers share: counters read by others, the challenge look-up, and where messages go.
final class SharedState: Sendable {
  /// Client connections of all workers.
  let connections = Atomic<Int>(0)
  /// When draining workers give up, in milliseconds of the monotonic clock.
  let drainDeadline = Atomic<UInt64>(.max)
  /// How many workers share what is limited.
  let workers: Int
  /// The answer to an HTTP-01 challenge by its token (RFC 8555 §8.3), or nil.
  let challenge: @Sendable (String) -> [UInt8]?
  /// Takes messages about single connections.
  let report: @Sendable (ProxyEvent) -> Void
  /// Chance, for identifiers.
  let random: @Sendable () -> UInt64
  /// Those of all workers, by their places.
  let mailboxes: [Mailbox<Order>]

  init(
    mailboxes: [Mailbox<Order>],
    challenge: @escaping @Sendable (String) -> [UInt8]?,
    random: @escaping @Sendable () -> UInt64,
    report: @escaping @Sendable (ProxyEvent) -> Void
  ) {
    workers = mailboxes.count
    self.mailboxes = mailboxes
    self.challenge = challenge
    self.random = random
    self.report = report
  }
}

/// Something about a single connection that an operator may want to know. Never a header value, path or content.
public enum ProxyEvent: Sendable {
  /// A handshake failed, with OpenSSL's reason.
  case handshakeFailed(peer: String, reason: String)
  /// A trusted peer's connection did not begin with a right PROXY header.
  case proxyHeaderRefused(peer: String, reason: String)
  /// A request was refused.
  case requestRefused(peer: String, reason: String)
  /// A backend could not be reached or broke off.
  case backendFailed(backend: String, reason: String)
  /// A backend gets no requests for a while because of its answers.
  case backendEjected(backend: String, seconds: Int, reason: OutlierDetection.Reason)
  /// The access log's file could not be opened again.
  case accessLogFailed(reason: String)
  /// The process is out of descriptors and does not accept for a moment.
  case outOfDescriptors
  /// As many clients are connected as `limits.connections` allows: others wait in the kernel's queue.
  case tooManyConnections
  /// No buffer is left for a request: `limits.buffer_memory`, or the system's memory.
  case outOfBuffers
}
