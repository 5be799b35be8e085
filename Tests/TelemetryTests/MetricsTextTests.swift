import TestRun
import Testing

@testable import Telemetry

@Suite(.ownThread) struct MetricsTextTests {
  @Test("a label's value may be anything and stays on its line")
  func escapes() {
    var out = MetricsText()
    out.family("a", .gauge, "Help.", [.init(["b": "x\"\\\n\r\0é"], 1.5), .init([:], 12)])
    #expect(out.text == "# HELP a Help.\n# TYPE a gauge\na{b=\"x\\\"\\\\\\n??é\"} 1.5\na 12\n")
  }

  @Test("a family without samples is not written")
  func empty() {
    var out = MetricsText()
    out.family("a", .counter, "Help.", [])
    #expect(out.text.isEmpty)
  }

  @Test(
    "numbers are written as Prometheus reads them",
    arguments: [
      (0, "0"), (-1, "-1"), (1.25, "1.25"), (1e18, "1000000000000000000"), (.nan, "NaN"), (.infinity, "+Inf"),
      (-.infinity, "-Inf"),
    ] as [(Double, String)])
  func numbers(_ value: Double, _ text: String) { #expect(MetricsText.number(value) == text) }
}
