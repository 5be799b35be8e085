import ACME
import HTTP
import OS
import Renewal
import Synchronization
import Telemetry

/// The trace of one look at all certificates: each call to a CA is a step. A look at which nothing was done leaves none.
final class RenewalTrace: Sendable {
  /// The most calls that one trace tells of.
  static let maximumCalls = 256

  /// The process' own: one look is under way at a time.
  static let ofProcess = RenewalTrace()

  private struct Look {
    let trace: TraceID
    let span: UInt64
    let began: UInt64
    var calls: [TraceSpan] = []
  }

  private let look = Mutex<Look?>(nil)

  private static func random() -> UInt64 { .random(in: 1 ... .max) }
  private static func now() -> UInt64 { UInt64(max(0, Clock.wallNanoseconds())) }

  /// A look begins.
  func begin() {
    look.withLock { $0 = Look(trace: TraceID(random: Self.random), span: Self.random(), began: Self.now()) }
  }

  /// A call to a CA is over. Its path is left out: with some CAs it is a right by itself.
  func call(_ request: HTTP.Request, began: UInt64, status: Int?) {
    look.withLock { look in
      guard let now = look, now.calls.count < Self.maximumCalls else { return }
      var span = TraceSpan(
        request.method, .client, trace: now.trace, span: Self.random(), parent: now.span, start: began,
        end: Self.now())
      span.attributes = [
        ("http.request.method", .text(request.method)), ("server.address", .text(request.url.authority)),
      ]
      if let status { span.attributes.append(("http.response.status_code", .number(Int64(status)))) }
      span.isError = (status ?? 500) >= 400
      look?.calls.append(span)
    }
  }

  /// The look is over; where something was done it is told.
  func end(_ report: Report, to queue: TraceQueue = .ofProcess) {
    let over = look.withLock { look in
      defer { look = nil }
      return look
    }
    guard let over else { return }
    var root = TraceSpan(
      "renewal", .internalStep, trace: over.trace, span: over.span, parent: 0, start: over.began,
      end: Self.now())
    var isWorthTelling = !over.calls.isEmpty
    for entry in report.certificates {
      switch entry.outcome {
      case .renewed: root.events.append(.init("obtained \(entry.name)", at: root.end))
      case .failed:
        root.events.append(.init("failed \(entry.name)", at: root.end))
        root.isError = true
      default: continue
      }
      isWorthTelling = true
    }
    if isWorthTelling { queue.add([root] + over.calls) }
  }

  /// The time for `began`.
  static var time: UInt64 { now() }
}

/// Carries the ACME engine's requests, and tells of them.
struct TracedTransport: ACME.Transport {
  let inner: ClientTransport

  func send(_ request: HTTP.Request) async throws(TransportError) -> HTTP.Response {
    let began = RenewalTrace.time
    do throws(TransportError) {
      let response = try await inner.send(request)
      RenewalTrace.ofProcess.call(request, began: began, status: response.status)
      return response
    } catch {
      RenewalTrace.ofProcess.call(request, began: began, status: nil)
      throw error
    }
  }
}
