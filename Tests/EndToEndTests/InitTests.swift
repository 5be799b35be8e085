import EndToEnd
import OS
import TestRun
import Testing

/// `certd init` at a terminal and by flags.
@Suite(.ownThread) struct InitTests {
  /// Runs it at a terminal of its own; standard output is the file `out`.
  private func atTerminal(
    _ place: Place, _ answers: [String], _ arguments: [String] = [], output: Bool = true
  ) async throws -> Place.Finished {
    try await place.run(
      [
        "python3", "\(Place.package)/Tests/Support/EndToEnd/clients/terminal.py",
        answers.joined(separator: "|"), try Place.certd(), "init",
      ] + arguments, environment: output ? ["OUTPUT": place("out")] : [:], called: "init")
  }

  @Test("five answers make a configuration that serves the model server, and a key that is shown once")
  func answers() async throws {
    let place = try Place()
    let model = try await ModelServer(place)
    try model.openGate()
    let done = try await atTerminal(place, ["localhost", model.url, "local", "yes", "mine.yaml"])
    #expect(done.ending == .exited(0), "\(done)")
    let key = place.read("out")
    #expect(key.hasPrefix("sk-") && key.split(separator: "\n").count == 1, "\(key)")
    #expect(!done.output.contains(key.dropLast()) && !place.read("certd-keys").contains(key.dropLast()))
    #expect(done.output.contains("certd run --config mine.yaml"), "\(done)")
    let made = place.read("mine.yaml").replacing("127.0.0.1:8443", with: "127.0.0.1:0")
    try place.write("mine.yaml", made + "store: store\n")
    let certd = try Certd(place)
    let daemon = try await certd.run(["--config", place("mine.yaml")])
    try await daemon.logged("certificate proven")
    try place.write("root.pem", try await certd("ca", "root", "--store", place("store")).output)
    func ask(_ more: [String]) async throws -> String {
      try await place.run(
        [
          "curl", "-s", "-o", "answer", "-w", "%{http_code}", "--cacert", "root.pem",
          "https://localhost:\(try daemon.httpsPort())/v1/models",
        ] + more, called: "curl"
      ).output
    }
    #expect(try await ask([]) == "401")
    #expect(try await ask(["-H", "Authorization: Bearer \(key.dropLast())"]) == "200", "\(daemon.log)")
  }

  @Test("a bad answer is told and asked for again, and the end of the input writes nothing")
  func badAnswers() async throws {
    let place = try Place()
    try place.write("certd.yaml", "# mine\n")
    let done = try await atTerminal(
      place,
      ["not a name", "localhost", "ftp://x", "http://127.0.0.1:1", "ops", "local", "perhaps", "no", ""])
    #expect(done.ending == .exited(1), "\(done)")
    for words in [
      "not a name is not a host name", "ftp://x is not a server", "cannot be asked now", "write an address",
      "answer yes or no", "certd.yaml is there already",
    ] { #expect(done.output.contains(words), "\(words): \(done.output)") }
    #expect(place.read("certd.yaml") == "# mine\n" && place.read("out") == "")
  }

  @Test("flags say all of it, and a file that is there stays unless --force is given")
  func flags() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let flags = [
      "--yes", "--domain", "localhost", "--backend", "127.0.0.1:1", "--issuer", "local", "--no-key",
      "--https-address", "127.0.0.1:0", "--store", place("store"),
    ]
    let made = try await certd("init", with: flags)
    #expect(made.ending == .exited(0) && made.output == "", "\(made)")
    #expect(try await certd("check", "--config", place("certd.yaml")).ending == .exited(0))
    let text = place.read("certd.yaml")
    let again = try await certd("init", with: flags + ["--domain", "other.localhost"])
    #expect(again.ending == .exited(1) && again.errors.contains("--force"), "\(again)")
    #expect(place.read("certd.yaml") == text)
    let forced = try await certd("init", with: flags + ["--domain", "other.localhost", "--force"])
    #expect(forced.ending == .exited(0) && place.read("certd.yaml") != text, "\(forced)")
  }

  @Test(
    "what is missing or not agreed to is told, and nothing is written",
    arguments: [
      ("--yes --domain localhost", "add --domain and --backend", Int32(64)),
      ("--domain localhost", "this is no terminal", 64),
      ("--yes --domain llm.example.com --backend 127.0.0.1:1", "add --agree-tos", 1),
      ("--yes --domain *.example.com --backend 127.0.0.1:1", "is not a host name", 1),
    ])
  func refusals(line: String, words: String, status: Int32) async throws {
    let place = try Place()
    let done = try await Certd(place)("init", with: line.split(separator: " ").map(String.init))
    #expect(done.ending == .exited(status) && done.errors.contains(words), "\(done)")
    #expect(place.read("certd.yaml") == "")
  }
}
