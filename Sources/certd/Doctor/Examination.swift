import ACME
import Bytes
import CertStore
import Configuration
import DNS
import OS
import PKI
import Renewal

/// Observes what the rules of `Renewal` judge: everything that has to do with getting a certificate for a name.
struct Examination {
  /// The ports that a CA asks.
  struct Ports {
    var http: UInt16
    var https: UInt16
  }

  let options: ConfigurationOptions
  let ports: Ports

  /// How long a renewal that is under way is waited for, in seconds.
  private static let turnPatienceSeconds = 5

  /// What is looked at: names, and who is to issue for them.
  struct Subject {
    let label: String
    let identifiers: [Identifier]
    /// All names of the certificate: limits count by them.
    let nameSet: [Identifier]
    let configuration: Configuration
    let issuers: [IssuerSettings]
    let stored: StoredCertificate?
  }

  /// All findings, by name; those about the machine come last, under the name of the store.
  func look(at name: String) async throws(SetupError) -> [(name: String, findings: [Finding])] {
    let source = options.source()
    let configuration = try RenewalJob.configuration(of: source)
    let store = try StoreLocation.open(options.store ?? configuration?.store) {
      Output.error("certd: store: \($0)")
    }
    let world = try World()
    let subject = try subject(name, source, configuration, store)
    let environment = NameServers.Environment(
      random: { .random(in: 0...UInt16.max) }, sleep: { try await World.sleep(seconds: $0) })
    let resolver = try DNSChallenges.resolver(subject.configuration.acme.dns01, environment)
    var authorities: [Authority] = []
    for issuer in subject.issuers {
      if let authority = await Authority(issuer, store, world) { authorities.append(authority) }
    }
    guard !authorities.isEmpty else {
      let local = Finding(.ok, "issuer", "the built-in CA issues for any name without a proof")
      return subject.identifiers.map { ($0.description, [local]) }
        + [("this machine", Self.machine(subject, authorities, store))]
    }
    var seen = await Self.names(subject, resolver, authorities)
    let reach = Reach(
      acme: subject.configuration.acme, ports: ports, store: store, world: world, resolver: resolver,
      stored: subject.stored)
    let turn = await Self.knock(reach, &seen)
    return seen.map { ($0.identifier.description, $0.findings) }
      + [("this machine", Self.machine(subject, authorities, store) + turn)]
  }

  /// What is known of one name so far.
  private struct Seen {
    let identifier: Identifier
    let addresses: [[UInt8]]
    var findings: [Finding]
  }

  /// What DNS tells of each name.
  private static func names(
    _ subject: Subject, _ resolver: RecursiveResolver, _ authorities: [Authority]
  ) async -> [Seen] {
    let acme = subject.configuration.acme
    var seen: [Seen] = []
    for identifier in subject.identifiers {
      let records = NameRecords(identifier: identifier, resolver: resolver)
      let (addresses, judged) = await records.addresses(
        isPublicCA: subject.issuers.contains(where: \.isPublic),
        isProvenByDNS: acme.challenges.first == .dns01)
      var findings = judged
      findings += await records.authorization(authorities, acme)
      if acme.challenges.contains(.dns01) { findings += await records.zone(acme.dns01) }
      seen.append(Seen(identifier: identifier, addresses: addresses, findings: findings))
    }
    return seen
  }

  /// Asks the ports of all addresses, and answers by itself where nobody else does. A renewal that found our listener
  /// would rely on it, and lose it in the middle of a challenge: so each waits for the other, and only for so long.
  private static func knock(_ reach: Reach, _ seen: inout [Seen]) async -> [Finding] {
    let turn = await RenewalJob.takeTurn(reach.store, seconds: turnPatienceSeconds)
    let isAlone = turn != nil
    let answerers = isAlone ? Self.answerers(reach.acme, reach.store) : []
    let endsAt = Clock.monotonicNanoseconds() + Reach.maximumSeconds * 1_000_000_000
    for index in seen.indices {
      seen[index].findings += await reach.findings(
        seen[index].identifier, seen[index].addresses, until: endsAt)
    }
    for answerer in answerers { await answerer.finish(hasFailed: false) }
    withExtendedLifetime(turn) {}
    guard !isAlone else { return [] }
    return [
      Finding(
        .warning, "turn", "another certd command listens for challenges: ports were looked at as it answers",
        remedy: "look again when it has ended")
    ]
  }

  /// The certificate of that name, or the one that covers that host, or the host with the issuers of the configuration.
  private func subject(
    _ name: String, _ source: ConfigurationSource, _ configuration: Configuration?, _ store: CertStore
  ) throws(SetupError) -> Subject {
    let jobs = try RenewalJob.all(source, configuration, store) { _, _ in }
    let wanted = Identifier(name)
    for isByName in [true, false] {
      for job in jobs {
        let match = job.managed.first { managed in
          isByName
            ? managed.name.description == name
            : wanted.map { wanted in managed.identifiers.contains { $0.covers(wanted) } } ?? false
        }
        guard let match else { continue }
        let issuers = match.issuers.compactMap { job.configuration.acme.issuer(named: $0.name) }
        return Subject(
          label: name, identifiers: isByName ? match.identifiers : [wanted].compactMap { $0 },
          nameSet: match.identifiers,
          configuration: job.configuration, issuers: issuers,
          stored: store.load(match.name, now: World.now()))
      }
    }
    guard let wanted else {
      throw .configuration(
        "\(name) is neither a certificate's name nor a host name or address; 'certd list' shows all")
    }
    let used: Configuration
    if let configuration { used = configuration } else { used = try inline(wanted) }
    return Subject(
      label: name, identifiers: [wanted], nameSet: [wanted], configuration: used,
      issuers: used.acme.choices(named: nil),
      stored: nil)
  }

  /// What the flags say, for a name that no configuration knows.
  private func inline(_ wanted: Identifier) throws(SetupError) -> Configuration {
    // To look, nobody has to agree to anything.
    let request = IssuedRequest(
      names: [wanted.description], issuer: options.issuer, roots: options.acmeRoot, email: options.email,
      agreesToTerms: true, httpAddress: options.httpAddress, keyType: KeyType.ecP256.rawValue, hooks: [],
      dnsProgram: options.dnsExec)
    return try ConfigurationSource.flags(request.options).read().configuration
  }

  /// Those that answer while we look, where no daemon does.
  private static func answerers(_ acme: ACMESettings, _ store: CertStore) -> [ChallengeAnswerer] {
    acme.challenges.filter { $0 != .dns01 }.compactMap { kind in
      var alone = acme
      alone.challenges = [kind]
      return try? ChallengeAnswerer(alone, store) { Output.error("certd: \($0)") }
    }
  }

  /// The clock, the store and the limits.
  private static func machine(_ subject: Subject, _ authorities: [Authority], _ store: CertStore) -> [Finding]
  {
    var findings = authorities.flatMap { authority in
      authority.failure.map { [$0] } ?? [
        SurroundingRules.clock(authority.name, offsetSeconds: authority.offsetSeconds)
      ]
    }
    findings += StoreLook(root: store.root).findings()
    let look = CertificateLook()
    findings += look.files(subject.configuration)
    if let stored = subject.stored {
      findings += look.stored(stored.name.description, stored.chain, subject.configuration)
    }
    findings += CertificateLook.firewall(subject.configuration)
    findings += subject.configuration.openModelRoutes.map {
      Finding(.warning, "keys", $0.message, remedy: "certd key create, and keys: in the route")
    }
    let policy = IssuerFactory.policy(subject.configuration.acme)
    let names = Set(subject.nameSet.map(\.description))
    do throws(StoreError) {
      let history = try store.history(issuers: policy.issuers, now: World.now())
      for authority in authorities {
        findings += SurroundingRules.limits(
          authority.name, policy.traits(authority.name), history, names, now: World.now())
      }
    } catch { findings.append(Finding(.problem, "limits", "the ledger cannot be read: \(error)")) }
    return findings
  }
}
