import TestRun
import Testing

@testable import Configuration

@Suite(.ownThread) struct AdminKeysTests {
  private func read(_ admin: String) throws -> AdminSettings {
    let text =
      "admin: \(admin)\nroutes: [{service: a}]\nservices: {a: {backends: [\"127.0.0.1:1\"]}}\nacme: {issuers: [local]}"
    return try Configuration.read(Array(text.utf8), file: "certd.yaml", baseDirectory: "/etc/certd")
      .configuration
      .admin
  }

  @Test("the socket is in the store unless it is elsewhere or off")
  func socket() throws {
    #expect(try read("{}").socket == .inStore)
    #expect(try read("{socket: off}").socket == .off)
    #expect(try read("{socket: run/a.sock}").socket == .path("/etc/certd/run/a.sock"))
  }

  @Test(
    "an address is this machine's and has tokens",
    arguments: [
      ("{address: \"127.0.0.1:9900\"}", "name a token_file"),
      (
        "{address: \":9900\", token_file: a}",
        "\":9900\" can be reached from other machines; write 127.0.0.1:9900"
      ),
      ("{address: \"10.0.0.1:9900\", token_file: a}", "can be reached from other machines"),
      ("{address: \"[::1]:9900\", token_file: a}", nil),
      ("{address: \"127.0.0.9:9900\", token_file: a}", nil),
    ] as [(String, String?)])
  func address(_ admin: String, _ told: String?) {
    do {
      _ = try read(admin)
      #expect(told == nil)
    } catch { #expect(told.map { "\(error)".contains($0) } == true, "\(error)") }
  }
}
