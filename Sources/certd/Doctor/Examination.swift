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

  /// What is looked at: names, and who is to issue for them.
  struct Subject {
    let label: String
    let identifiers: [Identifier]
    let configuration: Configuration
    let issuers: [ConfiguredIssuer]
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
    var found: [(name: String, findings: [Finding])] = []
    let acme = subject.configuration.acme
    let reach = Reach(
      acme: acme, ports: ports, store: store, world: world, resolver: resolver, stored: subject.stored)
    let answerers = authorities.isEmpty ? [] : Self.answerers(acme, store)
    for identifier in subject.identifiers {
      var findings: [Finding] = []
      if authorities.isEmpty {
        findings.append(Finding(.ok, "issuer", "the built-in CA issues for any name without a proof"))
      } else {
        let records = NameRecords(identifier: identifier, resolver: resolver)
        let addresses = await records.addresses(isPublicCA: subject.issuers.contains(where: \.isPublic))
        findings += addresses.findings
        findings += await records.authorization(authorities, acme)
        findings += await reach.findings(identifier, addresses.found)
        if acme.challenges.contains(.dns01) { findings += await records.zone(acme.dns01) }
      }
      found.append((identifier.description, findings))
    }
    for answerer in answerers { await answerer.finish(hasFailed: false) }
    found.append(("this machine", Self.machine(subject, authorities, store)))
    return found
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
      label: name, identifiers: [wanted], configuration: used, issuers: used.acme.choices(named: nil),
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
    let policy = IssuerFactory.policy(subject.configuration.acme)
    let names = Set(subject.identifiers.map(\.description))
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
