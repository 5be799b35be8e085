import EndToEnd
import OS
import TestPeers
import TestSupport
import TestRun
import Testing

/// What CONTRIBUTING.md says of a new stage, done as it says.
@Suite(.ownThread) struct StageExerciseTests {
  /// The Swift code that a text shows behind some words.
  private func code(in text: String, behind words: String) throws -> String {
    let rest = text.split(separator: words, omittingEmptySubsequences: false).dropFirst().joined(
      separator: words)
    let blocks = rest.split(separator: "```swift\n", omittingEmptySubsequences: false)
    return String(try #require(blocks.dropFirst().first?.split(separator: "```").first))
  }

  @Test(
    "a stage that is a folder and one line acts in the program that is built with it",
    .enabled(if: Tier.isAll, "builds certd once more: only with CERTD_TEST_ALL"))
  func servedBy() async throws {
    let place = try Place()
    // With what has been fetched already: nothing is asked of any network.
    let script = """
      cp -r "$0"/Package.* "$0"/Sources "$0"/Tests . && mkdir .build &&
        for part in checkouts repositories artifacts workspace-state.json; do
          if [ -e "$0/.build/$part" ]; then cp -r "$0/.build/$part" .build/; fi
        done
      """
    let copied = try await place.run(["sh", "-c", script, Place.package], called: "cp")
    #expect(copied.ending == .exited(0), "\(copied.errors)")
    let guide = String(
      decoding: try FileSystem().read("\(Place.package)/CONTRIBUTING.md", limitInBytes: 1 << 20),
      as: UTF8.self)
    try FileSystem().makeDirectory(place("Sources/Proxy/Stages/ServedBy"), mode: 0o755)
    try place.write(
      "Sources/Proxy/Stages/ServedBy/ServedBy.swift", try code(in: guide, behind: "**A stage**"))
    let list = place.read("Sources/Proxy/Stages/Stages.swift")
    try place.write(
      "Sources/Proxy/Stages/Stages.swift",
      list.replacing("  AccessLogging()\n", with: "  AccessLogging()\n  ServedBy()\n"))
    let build = try await place.start(["swift", "build", "--product", "certd"], called: "swift-build")
    try await eventually("certd is built", within: 900) { build.ending != nil }
    #expect(build.ending == .exited(0), "\(build.output.suffix(2000))")

    let backend = try LocalServer { connection in
      while !connection.readHead().isEmpty {
        connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
      }
    }
    try place.write(
      "certd.yaml",
      """
      store: store
      workers: 1
      acme: {issuers: [local]}
      listeners: [{address: "127.0.0.1:0", tls: off}]
      routes: [{service: chat}]
      services: {chat: {backends: ["127.0.0.1:\(backend.address.port)"], health: {enabled: false}}}
      """)
    let daemon = try await place.start(
      [place(".build/debug/certd"), "run", "--config", place("certd.yaml")], called: "certd")
    try await eventually("it listens: \(daemon.errors)") { daemon.errors.contains(#""address":""#) }
    let port = daemon.errors.split(separator: #""address":"127.0.0.1:"#).last?.prefix { $0 != #"""# }
    let address = try #require(
      port.flatMap { UInt16($0) }.flatMap { SocketAddress(host: "127.0.0.1", port: $0) })
    let client = try Wire.connect(address)
    client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    #expect(client.readHead().contains("\r\nServed-By: certd\r\n"))
    daemon.signal(15)
    #expect(try await daemon.end() == .exited(0))
  }
}
