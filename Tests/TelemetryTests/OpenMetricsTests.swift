import Telemetry
import TestRun
import Testing

@Suite(.ownThread) struct OpenMetricsTests {
  @Test("counters' families lose their ending, bounds are floats, and the end is told")
  func format() {
    var out = MetricsText()
    out.single("certd_a_total", .counter, "How many a.", 3)
    out.single("certd_b", .gauge, "How many b.", 2)
    out.append(
      "# HELP c C.\n# TYPE c histogram\nc_bucket{x=\"1\",le=\"4\"} 1\nc_bucket{x=\"1\",le=\"+Inf\"} 1\n")
    #expect(
      out.openMetrics == """
        # HELP certd_a How many a.
        # TYPE certd_a counter
        certd_a_total 3
        # HELP certd_b How many b.
        # TYPE certd_b gauge
        certd_b 2
        # HELP c C.
        # TYPE c histogram
        c_bucket{x="1",le="4.0"} 1
        c_bucket{x="1",le="+Inf"} 1
        # EOF

        """)
  }

  @Test("times of all workers are one histogram for each service, in seconds")
  func services() {
    let tables = [ServiceTimesTable(), ServiceTimesTable()]
    tables[0].times(of: "chat").head.record(100)
    tables[1].times(of: "chat").head.record(300)
    tables[1].times(of: "chat").head.record(1 << 40)
    var out = MetricsText()
    out.services(tables)
    let name = "certd_upstream_first_byte_seconds"
    #expect(out.text.contains("\(name)_bucket{service=\"chat\",le=\"0.000256\"} 1\n"), "\(out.text)")
    #expect(out.text.contains("\(name)_bucket{service=\"chat\",le=\"0.000512\"} 2\n"))
    #expect(out.text.contains("\(name)_bucket{service=\"chat\",le=\"1073.741824\"} 2\n"))
    #expect(out.text.contains("\(name)_count{service=\"chat\"} 3\n"))
    #expect(out.text.contains("certd_upstream_connect_seconds_count{service=\"chat\"} 0\n"))
    #expect(out.text.contains("certd_request_duration_seconds_count{service=\"chat\"} 0\n"))
  }

  @Test("beyond as many services as there may be all are one")
  func bounded() {
    let table = ServiceTimesTable()
    for number in 0..<ServiceTimesTable.maximumServices { _ = table.times(of: "s\(number)") }
    #expect(table.times(of: "more") === table.times(of: "others"))
    #expect(table.times(of: "s1") !== table.times(of: "others"))
  }
}
