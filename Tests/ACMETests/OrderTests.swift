import ACME
import Bytes
import PKI
import TestRun
import Testing

/// What an order asks for besides names: a profile, and what it replaces.
@Suite("Orders", .ownThread) struct OrderTests {
  @Test("a profile is asked for if the CA has it")
  func profile() async throws {
    let harness = try Harness(profile: "short")
    try await harness.issue()
    #expect(await harness.ca.state.profiles == ["short"])
  }

  @Test(
    "a profile that the CA does not have is told with those that it has, before any order",
    arguments: [
      (["short", "long"], "the CA has no profile wide; it has long, short"),
      ([], "the CA has no profile wide; it has none: ask for none"),
      (nil, "the CA has no profile wide; it has none: ask for none"),
    ])
  func unknownProfile(_ offered: [String]?, _ reason: String) async throws {
    let harness = try Harness(Dialect(profiles: offered), profile: "wide")
    let error = await harness.failure()
    #expect(error?.description == "new order: \(reason)")
    #expect(error?.isTransient == false)
    #expect(!harness.wire.requests.contains("POST /new-order"))
  }

  @Test("a profile that the CA refuses after all is told with its reason and the others")
  func refusedProfile() async throws {
    let harness = try Harness(Dialect(profiles: ["short", "long"], refusesProfiles: true), profile: "short")
    let text = await harness.failure()?.description ?? ""
    #expect(
      text == "new order: the CA refused: invalidProfile: not for you (the profile short was asked for; "
        + "it has long, short)")
  }

  @Test(
    "addresses are ordered by the profile that is meant for them, where the CA has it and no other is wanted",
    arguments: [
      (["shortlived", "classic"], nil, "192.0.2.1", ["shortlived"]),
      (["shortlived", "classic"], nil, "2001:db8::1", ["shortlived"]),
      (["shortlived", "classic"], "classic", "192.0.2.1", ["classic"]),
      (["shortlived", "classic"], nil, "a.example", []), (["classic"], nil, "192.0.2.1", []),
      (nil, nil, "192.0.2.1", []),
    ] as [([String]?, String?, String, [String])])
  func addressProfile(
    _ offered: [String]?, _ wanted: String?, _ name: String, _ expected: [String]
  ) async throws {
    let harness = try Harness(Dialect(profiles: offered), names: [name], profile: wanted)
    try await harness.issue()
    #expect(await harness.ca.state.profiles == expected)
  }

  @Test("what a certificate replaces is told only to a CA with renewal information")
  func replaces() async throws {
    let taken = try Harness(replaces: "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    try await taken.issue()
    #expect(await taken.ca.state.replaced == ["aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"])
    let unknown = try Harness(Dialect(hasRenewalInfo: false), replaces: "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    try await unknown.issue()
    #expect(await unknown.ca.state.replaced.isEmpty)
  }

  @Test(
    "an order refused with what it replaces is made once more without it, whatever the reason",
    arguments: [
      (409, "alreadyReplaced"), (400, "malformed"), (403, "unauthorized"), (404, "malformed"),
      (404, nil), (409, nil), (422, nil), (400, "conflict"), (400, "serverInternal"), (500, "serverInternal"),
      (400, "rejectedIdentifier"),
    ] as [(Int, String?)])
  func refusedReplaces(_ status: Int, _ kind: String?) async throws {
    let harness = try Harness(
      Dialect(refusesReplaces: (status, kind)), replaces: "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    try await harness.issue()
    #expect(await harness.ca.state.replaced.isEmpty)
    #expect(await harness.ca.state.orders.count == 1)
    if status < 500 { #expect(await harness.ca.state.replacesSeen == 1) }
  }

  @Test(
    "a limit that is reached is no reason to order again",
    arguments: [(429, "rateLimited"), (400, "rateLimited"), (429, nil)] as [(Int, String?)])
  func limitedReplaces(_ status: Int, _ kind: String?) async throws {
    let harness = try Harness(
      Dialect(refusesReplaces: (status, kind)), replaces: "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    #expect(await harness.failure() != nil)
    #expect(await harness.ca.state.orders.isEmpty)
  }

  @Test("a challenge that is left open with an error is answered once more (RFC 8555 section 8.2)")
  func repeatedAnswer() async throws {
    let harness = try Harness(Dialect(lenience: 9, failuresAtFirst: 1), names: ["a.example"])
    try await harness.issue()
    #expect(await harness.ca.state.authorizations.values.map(\.answers) == [2])
  }

  @Test("an error that stands after that is told within a minute")
  func standingError() async throws {
    let harness = try Harness(Dialect(lenience: 9, unreachable: ["a.example"]), names: ["a.example"])
    let error = await harness.failure()
    #expect(error?.description.contains("refused") == true, "\(String(describing: error))")
    #expect(await harness.ca.state.authorizations.values.map(\.answers) == [2])
    #expect(harness.clock.now - TestClock.start < 60)
  }

  @Test("no validation is asked for by a way that could not succeed; the next one is tried")
  func objection() async throws {
    let notebook = Notebook(challengeTypes: [.dns01, .http01], objections: [.dns01: "nobody is there"])
    let harness = try Harness(notebook: notebook)
    try await harness.issue()
    #expect(Set(notebook.record.everPublished.map(\.type)) == [.dns01, .http01])
    #expect(notebook.record.published.isEmpty)
  }

  @Test("where no way could succeed the CA is not asked, and each reason is told")
  func objectionsToAll() async throws {
    let notebook = Notebook(
      challengeTypes: [.dns01, .http01], objections: [.dns01: "no zone", .http01: "another's"])
    let harness = try Harness(notebook: notebook)
    let text = await harness.failure()?.description ?? ""
    #expect(text.contains("dns-01: no zone; http-01: another's"), "\(text)")
    #expect(await harness.ca.state.authorizations.values.allSatisfy { $0.answers == 0 })
    #expect(notebook.record.published.isEmpty)
  }
}
