import HTTP
import Telemetry
import TestRun
import Testing

@testable import Configuration

@Suite("Logs and traces in the configuration", .ownThread)
struct TelemetrySettingsTests {
  @Test("the access log is a word, a path, or a section with everything")
  func access() throws {
    #expect(try configuration("log: {access: off}").log.access == nil)
    #expect(try configuration("log: {access: stdout}").log.access == AccessSettings(to: .descriptor(1)))
    var full = AccessSettings(to: .file("/etc/certd/a.log"))
    full.format = .template(try AccessTemplate("{client_ip} {status}"))
    full.sample = 0.1
    full.rotation = .init()
    full.rotation?.sizeInBytes = 1 << 20
    full.rotation?.keep = 2
    #expect(
      try configuration(
        #"log: {access: {file: a.log, format: "{client_ip} {status}", sample: 0.1, rotate: {size: 1MiB, keep: 2}}}"#
      ).log.access == full)
    #expect(
      try configuration("log: {access: {file: stdout, format: combined}}").log.access?.format == .combined)
  }

  @Test(
    "what is wrong with it is told with what to do",
    arguments: [
      ("log: {access: {sample: 0.5}}", #"the key "file" is missing"#),
      ("log: {access: {file: a, format: apache}}", "write json, combined, or a text with fields in braces"),
      (
        #"log: {access: {file: a, format: "{query}"}}"#,
        #"there is no field "query"; there are time, client_ip"#
      ),
      (#"log: {access: {file: a, format: "{host"}}"#, "close each brace"),
      ("log: {access: {file: stdout, rotate: {}}}", "only files are rotated"),
      ("log: {access: {file: a, sample: 2}}", "is no share above 0"),
      ("traces: {sample: 0.5}", #"the key "endpoint" is missing"#),
      ("traces: {endpoint: \"http://collector.example:4318/v1/traces\"}", "traces.endpoint"),
    ])
  func wrong(text: String, told: String) {
    #expect(errors(text).contains { $0.contains(told) }, "\(errors(text))")
  }

  @Test("traces have a place, a share and fields")
  func traces() throws {
    let read = try configuration(
      #"traces: {endpoint: "http://127.0.0.1:4318/v1/traces", sample: 1, headers: {X-Tenant: a}}"#)
    #expect(read.traces?.endpoint == URL("http://127.0.0.1:4318/v1/traces"))
    #expect(read.traces?.sample == 1 && read.traces?.headers.map(\.name) == ["X-Tenant"])
    let plain = try configuration(#"traces: {endpoint: "https://otel.example.com/v1/traces"}"#)
    #expect(plain.traces?.sample == 0.01 && plain.traces?.headers == [])
  }
}
