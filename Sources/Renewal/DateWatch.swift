import ACME
import Bytes
import HTTP
import Synchronization

/// What another clock said, and when: it tells how far ours is off later as well, also when ours is set meanwhile.
struct ClockReference: Equatable {
  /// What the other clock said.
  let time: UnixTime
  /// How long this machine had been up then, in seconds.
  let uptime: Int64

  /// How long it is believed, in seconds of uptime: after that the other clock has to be asked again.
  static let lifetimeSeconds: Int64 = 3600

  /// How far our clock is ahead, in seconds; nil when that is no longer known.
  func offset(now: UnixTime, uptime: Int64) -> Int64? {
    let passed = uptime - self.uptime
    guard passed >= 0, passed <= Self.lifetimeSeconds else { return nil }
    return now - (time + passed)
  }
}

/// A transport that compares the Date of every answer with our clock.
final class DateWatch: Transport {
  private let inner: any Transport
  private let now: @Sendable () -> UnixTime
  private let uptime: @Sendable () -> Int64
  private let reference = Mutex<ClockReference?>(nil)

  init(
    _ inner: any Transport, now: @escaping @Sendable () -> UnixTime, uptime: @escaping @Sendable () -> Int64
  ) {
    self.inner = inner
    self.now = now
    self.uptime = uptime
  }

  /// How far our clock is ahead now, in seconds, by the last answer that told a date.
  var offsetSeconds: Int64? { reference.withLock { $0 }?.offset(now: now(), uptime: uptime()) }

  func send(_ request: Request) async throws(TransportError) -> Response {
    let response = try await inner.send(request)
    if let date = response.fields["Date"].flatMap({ UnixTime(httpDate: $0) }) {
      let heard = ClockReference(time: date, uptime: uptime())
      reference.withLock { $0 = heard }
    }
    return response
  }
}
