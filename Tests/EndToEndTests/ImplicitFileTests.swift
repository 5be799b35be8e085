import EndToEnd
import TestRun
import Testing

/// A configuration that merely lies in the current folder.
@Suite(.ownThread) struct ImplicitFileTests {
  private static let local =
    "store: store\nacme: {issuers: [local]}\ncertificates: [{names: [a.example.com]}]\n"

  @Test(
    "flags that ask for something else are refused beside it, and it is named",
    arguments: [
      ["issue", "a.example.com", "--email", "a@example.com", "--agree-tos"],
      ["renew", "--email", "a@example.com"],
      ["run", "--https-address", "127.0.0.1:0"],
    ])
  func refused(_ arguments: [String]) async throws {
    let place = try Place()
    try place.write("certd.yaml", Self.local)
    let child = try await Certd(place).start(arguments)
    #expect(try await child.end() != .exited(0))
    #expect(child.errors.contains("has no effect beside the configuration certd.yaml"), "\(child.errors)")
    #expect(child.errors.contains("--config off"))
  }

  @Test("it is used where no flag says anything, and left with --config off")
  func used() async throws {
    let place = try Place()
    try place.write("certd.yaml", Self.local)
    let by = try await Certd(place).start(["renew", "--no-delay"])
    #expect(try await by.end() == .exited(0), "\(by.errors)")
    #expect(by.output.contains("a.example.com"))
    let without = try await Certd(place).start(
      ["issue", "b.example.com", "--config", "off", "--issuer", "local", "--store", place("other")])
    #expect(try await without.end() == .exited(0), "\(without.errors)")
    #expect(place.read("other/certificates/b.example.com/current/cert.pem").contains("BEGIN"))
  }
}
