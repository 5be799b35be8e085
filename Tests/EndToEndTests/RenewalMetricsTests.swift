import Bytes
import CertStore
import EndToEnd
import OS
import PKI
import TestRun
import Testing

@Suite("Metrics of renewals", .ownThread) struct RenewalMetricsTests {
  @Test("a deployment that waits is told with its lag, and so is the window that a CA suggests")
  func waiting() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let pebble = try await Pebble(place)
    try place.write(
      "certd.yaml",
      """
      store: store
      log: {level: debug}
      \(pebble.acmeSection)
        deploy: [{command: "exit 7"}]
      listeners:
        - {address: "127.0.0.1:0"}
        - {address: "127.0.0.1:\(pebble.http01Port)", redirect: https}
      routes: [{hosts: [a.example.com], service: a}]
      services: {a: {backends: ["127.0.0.1:1"], health: {enabled: false}}}
      """)
    let config = ["--config", place("certd.yaml")]
    let first = try await certd.run(config)
    try await first.logged("deploy hook failed")
    #expect(try await first.stop() == .exited(0))
    let store = try CertStore.open(root: place("store"))
    let name = try #require(LineageName("a.example.com"))
    let now = UnixTime(seconds: Clock.wallSeconds())
    let id = try #require(store.load(name, now: now)?.chain.leaf.ariCertID)
    try Self.record(name, store, now, id)
    let daemon = try await certd.run(config)
    try await daemon.logged("certificate not due")
    let metrics = try await place.run(
      ["curl", "-sS", "--unix-socket", place("store/admin.sock"), "http://certd/metrics"], called: "curl"
    ).output
    #expect(
      metrics.contains(#"certd_deploy_lag_seconds{name="a.example.com",action="deploy hook"}"#), "\(metrics)")
    #expect(
      metrics.contains(#"certd_certificate_renewal_window_start_timestamp_seconds{name="a.example.com"}"#))
    #expect(try await daemon.stop() == .exited(0))
  }

  /// Debian's pebble suggests no window.
  private static func record(_ name: LineageName, _ store: CertStore, _ now: UnixTime, _ id: String) throws {
    guard let lock = try store.lock(name) else { throw StoreError.busy("a.example.com") }
    try store.record(
      lock,
      RenewalRecord(
        certificateID: id, windowStart: now + 86_400, windowEnd: now + 2 * 86_400, askAgainAt: now + 3600
      ))
  }
}
