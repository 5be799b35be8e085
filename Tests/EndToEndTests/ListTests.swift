import CertStore
import EndToEnd
import OS
import TestRun
import Testing

/// `certd list`, and a start beside a command that has a port for the moment.
@Suite(.ownThread) struct ListTests {
  @Test("many names are folded, and a certificate that was revoked from here is shown as that")
  func list() async throws {
    let place = try Place()
    let pebble = try await Pebble(place)
    let certd = try Certd(place)
    let store = ["--store", place("store")]
    let names = (1...6).map { "n\($0).example.com" }
    #expect(try await certd("issue", with: names + store + pebble.flags).ending == .exited(0))
    let before = try await certd("list", with: store)
    #expect(before.output.contains("n1.example.com,n2.example.com,n3.example.com and 3 more"), "\(before)")
    #expect(!before.output.contains("revoked"))
    #expect(
      try await certd("revoke", "n1.example.com", "--reason", "superseded", with: store).ending == .exited(0))
    let after = try await certd("list", with: store)
    #expect(after.output.contains("  revoked  "), "\(after)")
    let json = try await certd("list", "--output", "json", with: store)
    #expect(json.output.contains(#""revoked" : true"#) && json.output.contains("n6.example.com"), "\(json)")
  }

  @Test("run waits for a port that a command holds for its orders")
  func waits() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let port = try FreePort.take()
    try place.write(
      "certd.yaml",
      """
      store: store
      acme: {issuers: [local]}
      listeners: [{address: "127.0.0.1:\(port)", tls: off}]
      routes: [{service: one}]
      services: {one: {backends: ["127.0.0.1:1"], health: {enabled: false}}}
      """)
    _ = try CertStore.open(root: place("store"))
    var turn = try FileLock.tryAcquire(place("store/http01.lock"), FileSystem())
    let isHeld = turn != nil
    #expect(isHeld)
    let held = try await place.start(
      ["python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "\(port)"], called: "holder")
    try await eventually("the port is held") { held.output.contains("Serving HTTP") }
    let child = try await certd.start(["run", "--config", place("certd.yaml")])
    try await eventually("it waits: \(child.errors)") { child.errors.contains("a port is held; waiting") }
    held.signal(9)
    try await eventually("the holder has gone") { held.ending != nil }
    turn = nil
    try await eventually("certd listens: \(child.errors)") {
      child.errors.contains(#""message":"listening""#)
    }
    child.signal(15)
    try await eventually("it ends") { child.ending != nil }
  }
}
