import TestRun
import Testing

@testable import Telemetry

@Suite("Counters and histograms", .ownThread)
struct CountersTests {
  @Test("counters of several workers are summed under names that Prometheus takes")
  func exposition() {
    let blocks = [CounterBlock(), CounterBlock()]
    blocks[0].add(.requests)
    blocks[1].add(.requests, 41)
    blocks[0].add(.connectionsAccepted, 5)
    blocks[1].add(.connectionsClosed, 2)
    blocks[0].add(.responses(status: 204))
    let text = Exposition.text(blocks)
    #expect(text.contains("\ncertd_requests_total 42\n"))
    #expect(text.contains("certd_responses_total{class=\"2xx\"} 1\n"))
    #expect(text.contains("\ncertd_connections 3\n"))
    #expect(text.split(separator: "\n").filter { $0.hasPrefix("# TYPE certd_responses_total") }.count == 1)
  }

  @Test("every counter has its own series, a lawful name and a sentence of help", arguments: Counter.allCases)
  func names(counter: Counter) {
    #expect(counter.name.hasPrefix("certd_") && counter.name.hasSuffix("_total"))
    #expect(
      counter.name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F })
    #expect(counter.help.hasSuffix("."))
    let series = Counter.allCases.map { "\($0.name){\($0.label ?? "")}" }
    #expect(Set(series).count == series.count)
  }

  @Test(
    "a status code counts in its class",
    arguments: [
      (101, Counter.responses1xx), (200, .responses2xx), (308, .responses3xx), (499, .responses4xx),
      (503, .responses5xx), (999, .responses5xx),
    ])
  func classes(status: Int, counter: Counter) {
    #expect(Counter.responses(status: status) == counter)
  }

  @Test("a counter goes round rather than trapping")
  func overflow() {
    let block = CounterBlock()
    block.add(.bytesSent, .max)
    block.add(.bytesSent, 2)
    #expect(block.value(of: .bytesSent) == 1)
  }

  @Test(
    "a value lies in the bucket whose bounds hold it",
    arguments: [0, 1, 15, 16, 17, 31, 32, 33, 100, 1000, 65_535, 65_536, 123_456_789, (1 << 40) - 1]
      as [UInt64])
  func buckets(value: UInt64) {
    let bucket = Histogram.bucket(of: value)
    #expect(Histogram.lowerBound(ofBucket: bucket) <= value)
    #expect(Histogram.lowerBound(ofBucket: bucket + 1) > value)
    let width = Histogram.lowerBound(ofBucket: bucket + 1) - Histogram.lowerBound(ofBucket: bucket)
    #expect(width <= max(1, value / 16))
  }

  @Test("values beyond all buckets share the last one", arguments: [1 << 40, 1 << 50, .max] as [UInt64])
  func huge(value: UInt64) {
    #expect(Histogram.bucket(of: value) == Histogram.bucketCount - 1)
  }

  @Test("quantiles are right to a bucket over several workers")
  func quantiles() throws {
    let histograms = [Histogram(), Histogram()]
    for value in 1...1000 as ClosedRange<UInt64> { histograms[Int(value % 2)].record(value * 100) }
    let snapshot = Histogram.snapshot(of: histograms)
    #expect(snapshot.count == 1000 && snapshot.sum == 50_050_000)
    for (share, exact) in [(0.5, 50_000.0), (0.99, 99_000), (1, 100_000)] {
      let found = Double(try #require(snapshot.quantile(share)))
      #expect(abs(found - exact) / exact < 0.07, "\(share)")
    }
    #expect(Histogram.snapshot(of: []).quantile(0.5) == nil && snapshot.quantile(.nan) == nil)
  }

  @Test("a histogram is exposed in seconds with rising bounds")
  func histogramExposition() {
    let histogram = Histogram()
    for value in [255, 256, 1_500_000, 1 << 35] as [UInt64] { histogram.record(value) }
    let text = Exposition.text(
      name: "certd_request_seconds", help: "Time.", labels: "service=\"a\"",
      microseconds: Histogram.snapshot(of: [histogram]))
    #expect(text.contains("certd_request_seconds_bucket{service=\"a\",le=\"0.000256\"} 1\n"))
    #expect(text.contains("certd_request_seconds_bucket{service=\"a\",le=\"0.000512\"} 2\n"))
    #expect(text.contains("certd_request_seconds_bucket{service=\"a\",le=\"2.097152\"} 3\n"))
    #expect(text.contains("certd_request_seconds_bucket{service=\"a\",le=\"+Inf\"} 4\n"))
    #expect(text.contains("certd_request_seconds_count{service=\"a\"} 4\n"))
    #expect(text.contains("certd_request_seconds_sum{service=\"a\"} 34361.238879\n"))
  }
}
