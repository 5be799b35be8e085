import TestRun
import Testing

@testable import Telemetry

@Suite("Metrics of model traffic", .ownThread) struct GenAITests {
  @Test("values are counted at or below their bound, and above all of them, and added up")
  func bounds() {
    let (one, two) = (BoundedHistogram([10, 20]), BoundedHistogram([10, 20]))
    one.record(10)
    one.record(11, times: 2)
    two.record(21)
    let total = BoundedHistogram.total([one, two])
    #expect(total.counts == [1, 3, 4])
    #expect(total.sum == 53)
  }

  private func labels(_ model: String) -> GenAISeries.Labels {
    .init(service: "s", backend: "b", model: model, operation: "chat")
  }

  @Test("a key has one series, and of too many the one that has been used longest ago gives its place")
  func table() {
    let table = GenAITable()
    func use(_ number: Int) {
      table.find(UInt64(number) &* 2048) { labels("\(number)") }.takeUnretainedValue().duration
        .record(1)
    }
    for number in 0..<GenAITable.maximumSeries { use(number) }
    for number in 0..<GenAITable.maximumSeries where number != 7 { use(number) }
    #expect(
      BoundedHistogram.total(table.series.map(\.duration)).sum == UInt64(GenAITable.maximumSeries) * 2 - 1)
    use(5000)
    let models = Set(table.series.map(\.labels.model))
    #expect(models.count == GenAITable.maximumSeries && models.contains("5000") && !models.contains("7"))
  }

  @Test("whoever still counts in a series that has given its place counts there, and nowhere else")
  func kept() {
    let table = GenAITable()
    let kept = table.find(1) { labels("first") }.retain()
    defer { kept.release() }
    for number in 0..<GenAITable.maximumSeries { _ = table.find(UInt64(number) + 10) { labels("\(number)") } }
    kept.takeUnretainedValue().duration.record(1)
    #expect(!table.series.contains { $0 === kept.takeUnretainedValue() })
    #expect(table.series.count == GenAITable.maximumSeries)
    #expect(BoundedHistogram.total(table.series.map(\.duration)).sum == 0)
  }

  @Test("series of several workers are one, its name is escaped, and what has no value is left out")
  func text() {
    let tables = [GenAITable(), GenAITable()]
    for table in tables {
      let series = table.find(1) { self.labels("a\"b\nc") }.takeUnretainedValue()
      series.timeToFirstToken.record(45_000)
      series.add(predicted: 3, cached: 4, missed: 5)
    }
    var out = MetricsText()
    out.genAI(tables)
    let labels =
      #"service="s",server_address="b",gen_ai_request_model="a\"b\nc",gen_ai_operation_name="chat""#
    let name = "gen_ai_server_time_to_first_token_seconds"
    #expect(out.text.contains("\(name)_bucket{\(labels),le=\"0.04\"} 0\n"), "\(out.text)")
    #expect(out.text.contains("\(name)_bucket{\(labels),le=\"0.06\"} 2\n"))
    #expect(out.text.contains("\(name)_sum{\(labels)} 0.09\n"))
    #expect(out.text.contains("certd_prompt_tokens_cached_total{\(labels)} 8\n"))
    #expect(!out.text.contains("token_usage_sum"))
  }
}
