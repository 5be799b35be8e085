import EndToEnd
import OS
import Telemetry
import TestRun
import Testing

@testable import certd

/// The status page in a browser, where there is one.
@Suite(.ownThread) struct StatusPageBrowserTests {
  private static let axe =
    PythonClient.file("axe_selenium_python/node_modules/axe-core/axe.min.js").flatMap {
      try? FileSystem().read($0, limitInBytes: 4 << 20)
    }
  private static let chromium = (try? FileSystem().status("/usr/bin/chromium")) != nil

  @Test(
    "axe finds nothing to mend in either theme, on a phone and on a desk",
    .enabled(if: chromium && axe != nil, "chromium or axe is not installed: skipped"),
    arguments: [("390,844", "0"), ("390,844", "1"), ("1280,800", "0"), ("1280,800", "1")])
  func accessible(_ size: String, _ theme: String) async throws {
    let place = try Place()
    let parts = StatusPage(
      status: StatusPageTests.status(), traffic: TrafficRing(), now: StatusPageTests.now
    ).parts
    let asked = """
      <script>axe.run().then(r => { document.body.textContent = 'AXE ' + r.passes.length + ' passed' +
      r.violations.map(v => '\\n' + v.id + ': ' + v.nodes.map(n => n.html + n.failureSummary).join()).join('') +
      ' END' })</script></body>
      """
    let script = "<script>\(String(decoding: Self.axe ?? [], as: UTF8.self))</script>"
    let page = StatusPage.document(parts).replacing("</body>", with: script + asked)
    try place.write("page.html", page)
    let run = try await place.run(
      [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=\(place("profile"))",
        "--window-size=\(size)", "--blink-settings=preferredColorScheme=\(theme)",
        "--virtual-time-budget=20000", "--dump-dom", "file://\(place("page.html"))",
      ], called: "chromium")
    let said = run.output.firstMatch(of: /AXE (?s).* END/)?.0 ?? ""
    #expect(said.contains(" passed END"), "\(said.isEmpty ? "\(run)" : "\(said)")")
  }
}
