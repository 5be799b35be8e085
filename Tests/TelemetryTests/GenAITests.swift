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

  @Test("a key has one series, and beyond the most of them all share one")
  func table() {
    let table = GenAITable()
    for number in 0..<GenAITable.maximumSeries + 50 {
      table.find(UInt64(number) &* 2048) { labels("\(number)") }.takeUnretainedValue().duration.record(1)
    }
    for number in 0..<GenAITable.maximumSeries {
      table.find(UInt64(number) &* 2048) { labels("again") }.takeUnretainedValue().duration.record(1)
    }
    #expect(table.series.count == GenAITable.maximumSeries + 1)
    #expect(BoundedHistogram.total(table.series.dropLast().map(\.duration)).sum == 2048)
    #expect(table.series.last?.labels.model == "_other")
    #expect(BoundedHistogram.total([table.series[GenAITable.maximumSeries].duration]).sum == 50)
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
