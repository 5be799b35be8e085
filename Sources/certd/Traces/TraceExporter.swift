import Configuration
import HTTP
import HTTPClient
import OS
import Synchronization
import Telemetry

/// Sends spans to a collector by OTLP over HTTP, in batches, beside everything else: nobody waits for it.
final class TraceExporter: Sendable {
  /// How often it looks for spans, in seconds.
  static let pauseSeconds = 1.0
  /// The most spans of one batch.
  static let maximumBatch = 512
  /// How long a collector may take for a batch, in milliseconds.
  static let patienceMilliseconds: UInt64 = 10_000

  /// What has become of spans.
  struct Counts: Sendable {
    var exported: UInt64 = 0
    var failed: UInt64 = 0
  }

  private let queue: TraceQueue
  private let client: HTTPClient
  private let log: Log
  private let counted = Mutex(Counts())
  private let isFailing = Mutex(false)

  init(_ client: HTTPClient, _ log: Log, _ queue: TraceQueue = .ofProcess) {
    (self.client, self.log, self.queue) = (client, log, queue)
  }

  /// What has become of spans so far.
  var counts: Counts { counted.withLock { $0 } }

  /// Sends what waits.
  func export(to place: TracePlace) async {
    while true {
      let spans = queue.take(atMost: Self.maximumBatch)
      guard !spans.isEmpty else { return }
      var fields: Fields = [.init("Content-Type", OTLP.contentType)]
      for field in place.headers { fields.add(field.name, field.value) }
      let body = OTLP.request(spans, service: "certd", version: Version.text)
      var failure: String?
      do throws(HTTPClientError) {
        let response = try await client.send(
          Request("POST", place.endpoint, fields: fields, body: body),
          .init(deadlineMilliseconds: Self.patienceMilliseconds))
        if !(200..<300).contains(response.status) { failure = "status \(response.status)" }
      } catch { failure = "\(error)" }
      note(spans.count, failure)
      if failure != nil { return }
    }
  }

  /// The first failure of a row is told, and its end.
  private func note(_ spans: Int, _ failure: String?) {
    counted.withLock {
      if failure == nil { $0.exported += UInt64(spans) } else { $0.failed += UInt64(spans) }
    }
    let was = isFailing.withLock { was in
      defer { was = failure != nil }
      return was
    }
    if let failure, !was { log.warn("traces could not be sent", ["reason": .text(failure)]) }
    if failure == nil, was { log.info("traces are sent again") }
  }
}

extension Daemon {
  /// Sends spans to the collector that the configuration names, again and again.
  func exportTraces() -> Task<Void, Never> {
    let exporter = exporter
    return Task {
      while !Task.isCancelled {
        try? await World.sleep(seconds: TraceExporter.pauseSeconds)
        if let place = plan.configuration.traces { await exporter.export(to: place) }
      }
    }
  }

  /// What has become of spans, for Prometheus.
  func traceMetrics(_ out: inout MetricsText) {
    guard plan.configuration.traces != nil else { return }
    let counts = exporter.counts
    out.family(
      "certd_trace_spans_total", .counter, "Spans of traces, by what has become of them.",
      [
        .init(["result": "exported"], Double(counts.exported)),
        .init(["result": "failed"], Double(counts.failed)),
        .init(["result": "dropped"], Double(TraceQueue.ofProcess.dropped)),
      ])
  }
}
