import ACME
import PKI
import TestRun
import Testing

@Suite("Issuance", .ownThread) struct IssuanceTests {
  @Test("a certificate is obtained from every dialect of CA", arguments: Dialect.good)
  func good(_ dialect: Dialect) async throws {
    let harness = try Harness(dialect, options: options(dialect))
    let chain = try await harness.issue()
    #expect(Set(chain.leaf.identifiers) == Set(harness.request.identifiers))
    #expect(chain.intermediates.count == 1)
    let notes = harness.notebook.record
    #expect(notes.accounts.count == 1)
    #expect(notes.orders.count == 1)
    #expect(notes.closed.isEmpty)
    #expect(notes.published.isEmpty)
    #expect(notes.everPublished.count == 2)
  }

  @Test("an issuance survives each of its requests being broken once, in each way", arguments: Fault.passing)
  func sweep(_ fault: Fault) async throws { try await sweep(Dialect(), fault, ["a.example", "b.example"]) }

  @Test(
    "an issuance survives each of its requests being broken once at every CA",
    arguments: Dialect.good.dropFirst(), Fault.kinds)
  func sweep(_ dialect: Dialect, _ fault: Fault) async throws {
    try await sweep(dialect, fault, ["a.example"])
  }

  private func sweep(_ dialect: Dialect, _ fault: Fault, _ names: [String]) async throws {
    let clean = try Harness(dialect, names: names, options: options(dialect))
    try await clean.issue()
    let requests = clean.wire.requests
    #expect(requests.count >= 9)
    // Each fault at other requests.
    let shift = "\(fault)".utf8.reduce(0) { $0 + Int($1) }
    for number in Tier.points(requests.count, each: 4, shift: shift) {
      let request = requests[number]
      let harness = try Harness(dialect, faults: [number: fault], names: names, options: options(dialect))
      if let error = await harness.failure() {
        Issue.record("\(fault) at \(number) (\(request)): \(error)\n\(harness.wire.requests)")
      }
      #expect(harness.notebook.record.published.isEmpty)
    }
  }

  @Test("a challenge is answered once although the CA's answer is lost", arguments: Dialect.good)
  func answeredOnce(_ dialect: Dialect) async throws {
    let clean = try Harness(dialect, options: options(dialect))
    try await clean.issue()
    let number = try #require(clean.wire.requests.firstIndex { $0.hasPrefix("POST /challenge/") })
    let harness = try Harness(dialect, faults: [number: .droppedAfter], options: options(dialect))
    try await harness.issue()
    #expect(await harness.ca.state.authorizations.values.allSatisfy { $0.answers == 1 })
  }

  @Test("addresses are ordered as addresses")
  func addresses() async throws {
    let chain = try await Harness(names: ["192.0.2.1", "2001:db8::1"]).issue()
    #expect(chain.leaf.identifiers.map(\.description) == ["192.0.2.1", "2001:db8::1"])
  }

  @Test("an account lost in the middle is registered anew and the order made anew", arguments: 4...15)
  func lostAccount(_ request: Int) async throws {
    let harness = try Harness(Dialect(forgetsAt: request))
    try await harness.issue()
    #expect(harness.notebook.record.accounts.count <= 2)
  }

  @Test("a certificate that is not ours is fetched again, and never returned", arguments: [1, 3, 100])
  func wrongCertificate(_ times: Int) async throws {
    let harness = try Harness(Dialect(wrongCertificates: times))
    let error = await harness.failure()
    if times < 100 {
      #expect(error == nil)
    } else {
      #expect(error?.step == .certificate)
      #expect(error?.isTransient == true)
      #expect(error?.description.contains("the leaf is for another key") == true)
    }
  }

  @Test("the preferred chain is found among the alternates", arguments: [true, false])
  func alternates(_ severalLines: Bool) async throws {
    let dialect = Dialect(sendsSeveralLinkLines: severalLines)
    let chain = try await Harness(dialect, preferredIssuer: "Other Root").issue()
    #expect(chain.intermediates.last?.commonName == "Other Root")
  }

  @Test("without the preferred chain the default one is taken")
  func noAlternate() async throws {
    let chain = try await Harness(preferredIssuer: "Third Root").issue()
    #expect(chain.intermediates.last?.commonName == "Default Root")
  }
}

/// The binding that the dialect's CA wants, if it wants one.
private func options(_ dialect: Dialect) -> (inout Options) -> Void {
  { options in
    guard dialect.externalKey != nil else { return }
    options.externalAccount = ExternalAccountBinding(
      keyID: "customer", key: "YSBrZXkgb2YgdGhlIENBJ3MgY3VzdG9tZXI")
  }
}
