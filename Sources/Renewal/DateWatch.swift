import ACME
import Bytes
import HTTP
import Synchronization

/// A transport that compares the Date of every answer with our clock.
final class DateWatch: Transport {
  private let inner: any Transport
  private let now: @Sendable () -> UnixTime
  private let offset = Mutex<Int64?>(nil)

  init(_ inner: any Transport, now: @escaping @Sendable () -> UnixTime) {
    self.inner = inner
    self.now = now
  }

  /// How far our clock is ahead, in seconds, by the last answer that told a date.
  var offsetSeconds: Int64? { offset.withLock { $0 } }

  func send(_ request: Request) async throws(TransportError) -> Response {
    let response = try await inner.send(request)
    if let date = response.fields["Date"].flatMap({ UnixTime(httpDate: $0) }) {
      let difference = now() - date
      offset.withLock { $0 = difference }
    }
    return response
  }
}
