import TestRun
import Testing

@testable import certd

/// What `certd top` makes of two looks at the metrics.
@Suite(.ownThread) struct TopFrameTests {
  @Test("rates are differences of counters, the median lies in its bucket, labels lose their escapes")
  func reading() {
    func text(_ scale: Double) -> String {
      """
      # TYPE gen_ai_server_time_to_first_token_seconds histogram
      gen_ai_server_time_to_first_token_seconds_bucket{service="a",server_address="b",gen_ai_request_model="m",le="0.1"} 0
      gen_ai_server_time_to_first_token_seconds_bucket{service="a",server_address="b",gen_ai_request_model="m",le="0.2"} \(scale)
      gen_ai_server_time_to_first_token_seconds_bucket{service="a",server_address="b",gen_ai_request_model="m",le="+Inf"} \(scale)
      gen_ai_server_request_duration_seconds_count{service="a",server_address="b",gen_ai_request_model="m"} \(scale)
      gen_ai_client_token_usage_sum{service="a",server_address="b",gen_ai_request_model="m",gen_ai_token_type="output"} \(scale * 7)
      certd_requests_total \(scale * 2)
      certd_key_used{group="g",key="k\\"q",limit="tokens_per_minute"} 5
      """
    }
    let frame = TopFrame((0, MetricsReading(text(10))), (2_000_000_000, MetricsReading(text(30)))).lines
    #expect(frame.first?.hasPrefix("20 requests/s, 0 5xx/s") == true, "\(frame)")
    let row = frame.first { $0.hasPrefix("a  ") } ?? ""
    #expect(row.contains("  10  ") && row.contains("150 ms") && row.hasSuffix("70"), "\(frame)")
    #expect(frame.contains { $0.contains(#"k"q"#) && $0.contains("tokens_per_minute") })
  }

  @Test("a bucket at the end is told by its lower bound, and without counts there is no median")
  func median() {
    #expect(MetricsReading.median([:], [1: 0, .infinity: 4]) == 1)
    #expect(MetricsReading.median([1: 4], [1: 4]) == nil)
  }
}
