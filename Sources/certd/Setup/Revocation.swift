import ACME
import Bytes
import CertStore
import Configuration
import OS
import PKI
import Renewal

/// What a revocation came to.
struct RevocationResult: Encodable {
  /// The certificate's name, or the file that it is in.
  let name: String
  let sha256: String
  /// The generation that it is of a certificate in the store.
  let generation: Int?
  let reason: String
  /// Whether the CA says that it is revoked.
  var isRevoked = false
  /// Why it is not.
  var error: String?
  /// Certificates that had the compromised key, and have a new one.
  var obtained: [String] = []
  /// Those that could not be obtained again, and why.
  var notObtained: [String] = []
  /// Whether the store serves it.
  let isServed: Bool

  var isWell: Bool { isRevoked && notObtained.isEmpty }
}

/// Revokes certificates: of the store, or from a file.
struct Revocation {
  let store: CertStore
  let source: ConfigurationSource
  let world: World
  let warn: @Sendable (String) -> Void

  /// A certificate to revoke.
  struct Subject {
    let label: String
    let leaf: PKI.Certificate
    let key: PrivateKey?
    let generation: Int?
    let isServed: Bool
    let issuer: any Renewal.Issuer
  }

  /// A certificate of the store: the one that is served, or another generation.
  func subject(name: String, generation: Int?) throws(SetupError) -> Subject {
    guard let lineage = LineageName(name), let served = store.load(lineage, now: World.now()) else {
      throw .other("there is no certificate \(name) in \(store.root); 'certd list' shows all")
    }
    guard let stored = generation.map({ store.load(lineage, generation: $0) }) ?? served else {
      throw .other("\(name) has no generation \(generation ?? 0) that can be read")
    }
    guard let job = try job(of: lineage) else {
      throw .other("no configuration says who issued \(name); give --config or --issuer")
    }
    let issuerName = stored.meta.issuer ?? job.managed.first?.issuers.first?.name
    let issuers = try issuers(job.configuration)
    guard let issuer = issuerName.flatMap({ issuers[$0] }) else {
      throw .other("\(name) comes from \(issuerName ?? "nobody known"), which is not configured any more")
    }
    return Subject(
      label: name, leaf: stored.chain.leaf, key: stored.key, generation: stored.generation,
      isServed: stored.generation == served.generation, issuer: issuer)
  }

  /// A certificate from a file. Its key is the one given, or one of the store if that has it.
  func subject(
    file: String, key: String?, _ options: ConfigurationOptions
  ) throws(SetupError) -> Subject {
    let leaf: PKI.Certificate
    var given: PrivateKey?
    do throws(PKIError) {
      guard let first = try PKI.Certificate.parse(pem: try IssuerFactory.readAny(file)).first else {
        throw PKIError(what: "reading a certificate", reason: "there is none")
      }
      leaf = first
      if let key { given = try PrivateKey(pem: try IssuerFactory.readAny(key)) }
    } catch { throw .other("\(file)\(key.map { ", \($0)" } ?? ""): \(error)") }
    if let given, !leaf.matches(given) {
      throw .other("the key in \(key ?? "") does not belong to the certificate in \(file)")
    }
    let held = store.inventory(now: World.now()).certificates.first {
      $0.chain.leaf.publicKeyInfo == leaf.publicKeyInfo
    }
    return Subject(
      label: file, leaf: leaf, key: given ?? held?.key, generation: nil,
      isServed: false, issuer: try issuer(of: leaf, held, options))
  }

  /// Who issued a certificate from a file: whom the store knows for it, who is named, or the only one there is.
  private func issuer(
    of leaf: PKI.Certificate, _ held: StoredCertificate?, _ options: ConfigurationOptions
  ) throws(SetupError) -> any Renewal.Issuer {
    if options.issuer == nil, let held, held.chain.leaf == leaf, let name = held.meta.issuer,
      let job = try job(of: held.name), let issuer = try issuers(job.configuration)[name]
    {
      return issuer
    }
    let configuration: Configuration
    if case .file = source {
      configuration = try source.read().configuration
    } else {
      // No name is served: the flags' reader wants one.
      let request = IssuedRequest(
        names: ["localhost"], issuer: options.issuer, roots: options.acmeRoot, email: options.email,
        agreesToTerms: options.agreeTOS, httpAddress: nil, keyType: KeyType.ecP256.rawValue, hooks: [])
      configuration = try ConfigurationSource.flags(request.options).read().configuration
    }
    let known = configuration.acme.issuers.filter { $0.kind != .local }
    let chosen = options.issuer.flatMap { name in known.first { $0.name == name } }
    guard let issuer = chosen ?? (known.count == 1 ? known.first : nil) else {
      let names = known.map(\.name).joined(separator: ", ")
      throw .other("name the CA that issued it by --issuer\(names.isEmpty ? "" : ": one of \(names)")")
    }
    guard let made = try issuers(configuration)[issuer.name] else { throw .other("no issuer \(issuer.name)") }
    return made
  }

  private func issuers(
    _ configuration: Configuration
  ) throws(SetupError) -> [String: any Renewal.Issuer] {
    try IssuerFactory(world: world, store: store, warn: warn, configuration: configuration)
      .issuers(configuration.acme)
  }

  /// What renews a certificate of the store; nil when no configuration knows it.
  private func job(of lineage: LineageName) throws(SetupError) -> RenewalJob? {
    var job = try RenewalJob.all(source, store, refuse: { _, _ in }).first {
      $0.managed.contains { $0.name == lineage }
    }
    job?.managed.removeAll { $0.name != lineage }
    return job
  }

  // MARK: Acting

  /// Obtains anew what has a compromised key, then revokes: in that order, so that nothing is served revoked for
  /// longer than need be; the second also when the first fails.
  func run(
    _ subject: Subject, _ reason: RevocationReason, _ by: RevokeCommand.Author, tell: (Report) -> Void
  ) async throws(SetupError) -> RevocationResult {
    var result = RevocationResult(
      name: subject.label, sha256: Hex.encode(subject.leaf.sha256), generation: subject.generation,
      reason: "\(reason)", isServed: subject.isServed)
    let author: RevocationAuthor
    switch (by, subject.key) {
    case (.account, _), (.auto, nil): author = .account
    case (.auto, let key?): author = .either(key)
    case (.certificate, let key?): author = .certificate(key)
    case (.certificate, nil): throw .other("--by certificate needs the certificate's key: --key FILE")
    }
    if reason == .keyCompromise { try await obtainAnew(subject.leaf.publicKeyInfo, &result, tell) }
    guard let issuer = subject.issuer as? Renewal.ACMEIssuer else {
      result.error = "it comes from the local CA, which has no revocation; its certificates live for days"
      return result
    }
    do throws(IssuerError) {
      try await issuer.revoke(subject.leaf, reason: reason, by: author)
      result.isRevoked = true
    } catch { result.error = error.description }
    if result.isRevoked {
      do throws(StoreError) { try store.markRevoked(subject.leaf) } catch { warn("\(error)") }
    }
    return result
  }

  /// Forbids a key for good, and replaces every certificate of the store that has it.
  private func obtainAnew(
    _ publicKeyInfo: [UInt8], _ result: inout RevocationResult, _ tell: (Report) -> Void
  ) async throws(SetupError) {
    let affected: [LineageName]
    do throws(StoreError) {
      affected = try store.markCompromised(publicKeyInfo: publicKeyInfo, now: World.now())
    } catch { throw .other("\(error)") }
    for lineage in affected {
      do throws(SetupError) {
        guard let job = try job(of: lineage) else {
          throw .other("no configuration says who issues it")
        }
        let report = try await job.run(
          world, store, force: .names([lineage]), isDryRun: false, warn: warn)
        tell(report)
        if let why = Self.failure(lineage, report) { throw .other(why) }
        result.obtained.append(lineage.description)
      } catch { result.notObtained.append("\(lineage): \(error)") }
    }
  }

  /// Why a certificate was not obtained; nil when it was. A deployment that failed is retried by itself.
  private static func failure(_ lineage: LineageName, _ report: Report) -> String? {
    switch report.certificates.first(where: { $0.name == lineage })?.outcome {
    case .renewed: nil
    case .failed(let why), .skipped(let why): why
    case .waiting(let until, let why): "waiting until \(until): \(why)"
    case .notDue, .wouldRenew, nil: "it was not renewed"
    }
  }
}

extension IssuerFactory {
  /// A file that is named on the command line.
  fileprivate static func readAny(_ path: String) throws(PKIError) -> [UInt8] {
    do throws(SystemError) {
      return try FileSystem().read(path, limitInBytes: maximumFileBytes, followingLinks: true)
    } catch { throw PKIError(what: "reading a file", reason: "\(error)") }
  }
}
