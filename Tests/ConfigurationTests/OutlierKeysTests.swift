import Proxy
import TestRun
import Testing
import Upstream

@testable import Configuration

@Suite("Keys of passive health", .ownThread) struct OutlierKeysTests {
  private func rule(_ service: String) throws -> OutlierDetection {
    let text = """
      routes: [{service: a}]
      services: {a: {backends: ["127.0.0.1:1"], \(service)}}
      acme: {issuers: [local]}
      """
    return try Configuration.read(Array(text.utf8), file: "certd.yaml", baseDirectory: "/")
      .configuration.services[0].rules.outlierDetection
  }

  @Test("model servers count their errors, other servers those of gateways")
  func defaults() throws {
    #expect(try rule("kind: http") == OutlierDetection())
    #expect(try rule("kind: vllm").consecutiveErrors == 5)
    #expect(try rule("kind: vllm, outlier_detection: {consecutive_errors: 0}").consecutiveErrors == 0)
    #expect(try rule("outlier_detection: false") == .off)
  }

  @Test("every word is read into its field")
  func words() throws {
    var wanted = OutlierDetection()
    (wanted.consecutiveErrors, wanted.consecutiveGatewayErrors, wanted.maxEjectionPercent) = (7, 3, 20)
    (wanted.interval, wanted.baseEjectionTime, wanted.maxEjectionTime) = (5000, 10_000, 60_000)
    wanted.successRate = .init()
    wanted.successRate?.minimumHosts = 3
    wanted.successRate?.requestVolume = 50
    wanted.successRate?.stdevFactor = 1500
    wanted.latency = .init()
    wanted.latency?.factor = 4
    wanted.latency?.minimumHosts = 2
    wanted.latency?.requestVolume = 10
    wanted.latency?.minimum = 250
    let read = try rule(
      """
      outlier_detection: {consecutive_errors: 7, consecutive_gateway_errors: 3, max_ejection_percent: 20, interval: 5s, \
      base_ejection_time: 10s, max_ejection_time: 1m, success_rate: {minimum_hosts: 3, request_volume: 50, \
      stdev_factor: 1500}, latency: {factor: 4, minimum_hosts: 2, request_volume: 10, minimum: 250ms}}
      """)
    #expect(read == wanted)
    #expect(try rule("outlier_detection: {success_rate: true, latency: true}").latency == .init())
  }

  @Test("what cannot be is told with its place")
  func errors() {
    #expect {
      try rule("outlier_detection: {base_ejection_time: 1m, max_ejection_time: 10s}")
    } throws: { "\($0)".contains("max_ejection_time: is shorter than the first ejection") }
  }
}
