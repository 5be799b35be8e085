import EndToEnd
import OS
import TestRun
import Testing

/// What somebody meets who has just got certd: mistyped commands, help with errors, the demo, and progress.
@Suite(.ownThread) struct FirstMinuteTests {
  @Test(
    "a command that does not exist is told, with the one that was probably meant",
    arguments: [
      ("stauts", "did you mean \"status\"?"), ("key craete", "did you mean \"create\"?"),
      ("isue a.example.com", "did you mean \"issue\"?"), ("entirely-else", "'certd --help' lists them all"),
    ])
  func commands(line: String, words: String) async throws {
    let arguments = line.split(separator: " ").map(String.init)
    let done = try await Certd(Place())(arguments[0], with: Array(arguments.dropFirst()))
    #expect(done.ending == .exited(64) && done.errors.contains(words), "\(done)")
  }

  @Test("a flag that does not exist is told, with the one that was probably meant")
  func flags() async throws {
    let done = try await Certd(Place())("renew", "--dry-rum")
    #expect(done.ending == .exited(64) && done.errors.contains("--dry-run"), "\(done)")
  }

  @Test("help errors tells every exit status and what to do about errors, and help goes on as it was")
  func errors() async throws {
    let certd = try Certd(Place())
    let told = try await certd("help", "errors")
    #expect(told.ending == .exited(0))
    for words in ["\n  64  ", "agree_tos", "dns-01", "certd doctor"] { #expect(told.output.contains(words)) }
    #expect(try await certd("help", "renew").output.contains("certd renew"))
  }

  @Test("demo serves a model by itself over HTTPS: its list, a whole answer and a stream")
  func demo() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let child = try await certd.start(
      ["demo", "--https-address", "127.0.0.1:0", "--store", place("demo")])
    let daemon = Certd.Daemon(running: child)
    try await daemon.logged("certificate proven")
    func ask(_ path: String, _ content: String? = nil) async throws -> String {
      let body = content.map { ["-H", "Content-Type: application/json", "-d", $0] } ?? []
      return try await place.run(
        [
          "curl", "-sN", "--cacert", place("demo/local-root.pem"),
          "https://localhost:\(try daemon.httpsPort())\(path)",
        ] + body, called: "curl"
      ).output
    }
    #expect(try await ask("/v1/models").contains(#""id":"demo""#))
    #expect(try await ask("/v1/chat/completions", #"{"model":"demo","max_tokens":2}"#).contains("Hello from"))
    let stream = try await ask("/v1/chat/completions", #"{"model":"demo","stream":true,"max_tokens":2}"#)
    #expect(stream.contains(#"{"content":"Hello "}"#) && stream.hasSuffix("data: [DONE]\n\n"), "\(stream)")
    #expect(child.errors.contains("curl -N --cacert \(place("demo/local-root.pem"))"), "\(child.errors)")
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("issuing shows each step in one line of a terminal, or as plain lines where nothing is to be drawn")
  func progress() async throws {
    let place = try Place()
    var options = Pebble.Options()
    options.validationDelaySeconds = 2
    let pebble = try await Pebble(place, options)
    func issue(_ name: String, plain: Bool) async throws -> String {
      let done = try await place.run(
        [
          "python3", "\(Place.package)/Tests/Support/EndToEnd/clients/terminal.py", "", try Place.certd(),
          "issue", name, "--store", place("store"),
        ] + pebble.flags, environment: ["NO_COLOR": plain ? "1" : "", "TERM": "xterm"], called: "issue")
      #expect(done.ending == .exited(0), "\(done)")
      return done.output
    }
    let drawn = try await issue("a.example.com", plain: false)
    #expect(drawn.contains(": placing the order …\r\u{1B}[K"), "\(drawn)")
    #expect(drawn.contains("\r\u{1B}[Ka.example.com: renewed"), "\(drawn)")
    let plain = try await issue("b.example.com", plain: true)
    #expect(!plain.contains("\u{1B}"), "\(plain)")
    #expect(plain.contains("b.example.com: renewed"), "\(plain)")
    let quiet = try await place.run(
      [try Place.certd(), "issue", "c.example.com", "--quiet", "--store", place("store")] + pebble.flags,
      called: "issue")
    #expect(quiet.errors == "" && quiet.output == "", "\(quiet)")
  }
}
