import OS
import Proxy
import Synchronization
import Telemetry
import Upstream

/// Puts the proxy's messages about single connections into the log: the first of each kind about one thing at once, those
/// of the minute behind it in one line. Called by the workers: it never waits for the log's reader.
final class ProxyMessages: Sendable {
  private let log: Log
  private let limit = Mutex(RepeatLimit())

  init(log: Log) { self.log = log }

  func write(_ event: ProxyEvent) {
    let message = Message(event)
    guard log.isEnabled(message.level) else { return }
    let now = OS.Clock.monotonicNanoseconds() / 1_000_000_000
    let key = message.subject.isEmpty ? message.text : "\(message.text): \(message.subject)"
    let verdict = limit.withLock { $0.take(key, message.reason, seconds: now) }
    guard verdict == .write else { return }
    var values: [(String, LogValue)] = []
    if !message.subject.isEmpty { values.append((message.subjectName, .text(message.subject))) }
    if !message.reason.isEmpty { values.append(("reason", .text(message.reason))) }
    log.write(message.level, message.text, values)
  }

  /// Tells what has been counted and not written. To be called every few seconds.
  func tellRepeated() {
    let now = OS.Clock.monotonicNanoseconds() / 1_000_000_000
    for repeated in limit.withLock({ $0.due(seconds: now) }) {
      log.warn(
        "repeated within a minute",
        [
          "message": .text(repeated.key), "times": .number(repeated.count),
          "last_reason": .text(repeated.last),
        ])
    }
  }
}

/// An event in words.
private struct Message {
  var level = Log.Level.warn
  let text: String
  var subjectName = "backend"
  var subject = ""
  var reason = ""

  init(_ event: ProxyEvent) {
    switch event {
    case .handshakeFailed(let peer, let why):
      (level, text, reason) = (.debug, "handshake failed", "\(peer): \(why)")
    case .proxyHeaderRefused(let peer, let why):
      (text, subjectName, subject, reason) = ("PROXY header refused", "peer", peer, why)
    case .requestRefused(let peer, let why):
      (level, text, reason) = (.debug, "request refused", "\(peer): \(why)")
    case .backendFailed(let backend, let why): (text, subject, reason) = ("backend failed", backend, why)
    case .backendEjected(let backend, let seconds, let why):
      (text, subject, reason) = ("backend ejected", backend, "for \(seconds) s: \(why.words)")
    case .accessLogFailed(let why):
      (level, text, reason) = (
        .error, "access log could not be opened again; the old file is written on", why
      )
    case .tooManyConnections:
      (level, text) = (.warn, "as many clients as limits.connections allows; others wait")
    case .outOfBuffers:
      (level, text) = (.error, "out of buffers; requests are refused (limits.buffer_memory)")
    case .outOfDescriptors:
      (level, text) = (.error, "out of file descriptors; raise the limit (ulimit -n)")
    }
  }
}

extension OutlierDetection.Reason {
  /// Why a backend is spared, as operators read it.
  var words: String {
    switch self {
    case .errors: "server errors in a row"
    case .gatewayErrors: "answers failed in a row"
    case .successRate: "fewer good answers than the service's other backends"
    case .latency: "slower answers than the service's other backends"
    }
  }
}
