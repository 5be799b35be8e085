public import ACME
public import Bytes
public import CertStore
public import DNS
import OS
import PKI

/// A TXT record for one validation (RFC 8555 §8.4).
public struct ValidationRecord: Sendable, Equatable {
  /// What is validated, a wildcard's `*.` included.
  public let identifier: String
  /// The name that has the record, its aliases followed.
  public let name: DomainName
  /// The zone that it is in; nil when that could not be found out.
  public let zone: DomainName?
  /// Its value.
  public let value: String
  /// How long it may be kept, in seconds.
  public let ttl: UInt32
}

/// Somebody who changes a zone.
public protocol ZoneEditor: Sendable {
  /// Adds the record beside those of the same name. MUST be harmless when it is there.
  func present(_ record: ValidationRecord) async throws
  /// Removes this record and no other. MUST be harmless when it is not there.
  func cleanup(_ record: ValidationRecord) async throws
}

/// Answers DNS-01: puts TXT records into zones, waits until every server of the zone has them, and removes them.
public actor DNSResponder: ChallengeResponder {
  /// How records are put up and looked for.
  public struct Configuration: Sendable {
    /// How long a record may be kept by others, in seconds.
    public var ttl: UInt32
    /// How long to wait until every server of the zone has a record, in seconds; nil for not at all.
    public var propagationSeconds: Double?
    /// Where the zone's own servers listen.
    public var authoritativePort: UInt16

    /// A configuration.
    public init(ttl: UInt32 = 60, propagationSeconds: Double? = 120, authoritativePort: UInt16 = 53) {
      self.ttl = ttl
      self.propagationSeconds = propagationSeconds
      self.authoritativePort = authoritativePort
    }
  }

  /// What it answers.
  public nonisolated let challengeTypes: [ChallengeType] = [.dns01]
  private let editor: any ZoneEditor
  private let resolver: RecursiveResolver
  private let configuration: Configuration
  private let store: CertStore
  private let now: @Sendable () -> UnixTime
  private let warn: @Sendable (String) -> Void
  private let run: String
  private var presence: FileLock?
  private var presented: [ChallengeAnswer: ValidationRecord] = [:]

  /// A responder. `run` tells this run's records from those of others.
  public init(
    _ editor: any ZoneEditor, _ resolver: RecursiveResolver, _ configuration: Configuration, store: CertStore,
    run: String, now: @escaping @Sendable () -> UnixTime, warn: @escaping @Sendable (String) -> Void
  ) {
    self.editor = editor
    self.resolver = resolver
    self.configuration = configuration
    self.store = store
    self.run = run
    self.now = now
    self.warn = warn
  }

  /// Puts the record up. It is written down before, so that a run that is killed does not leave it for good.
  public func publish(_ answer: ChallengeAnswer) async throws {
    if presence == nil { presence = try store.presence(of: run) }
    let record = try await record(answer)
    try store.note(noted(record))
    presented[answer] = record
    try await editor.present(record)
  }

  /// Waits until every server of the zones has the records.
  public func settle(_ answers: [ChallengeAnswer]) async throws {
    guard let seconds = configuration.propagationSeconds else { return }
    let propagation = Propagation(resolver, port: configuration.authoritativePort)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for record in answers.compactMap({ presented[$0] }) {
        group.addTask { try await propagation.wait(for: record.value, at: record.name, seconds: seconds) }
      }
      try await group.waitForAll()
    }
  }

  /// Removes the record; one that cannot be removed now is by a later run.
  public func withdraw(_ answer: ChallengeAnswer) async {
    guard let record = presented.removeValue(forKey: answer) else { return }
    await remove(record, noted(record))
    guard presented.isEmpty else { return }
    // What could not be removed is anybody's from now on.
    presence = nil
    try? store.forgetRun(run)
  }

  /// Removes what killed runs have left.
  public func tidy() async {
    let abandoned = (try? store.abandonedRecords(besides: run, now: now())) ?? []
    for left in abandoned {
      guard let name = DomainName(left.name) else { continue }
      let record = ValidationRecord(
        identifier: left.identifier, name: name, zone: left.zone.flatMap { DomainName($0) },
        value: left.value,
        ttl: configuration.ttl)
      await remove(record, left)
    }
    let left = Set(((try? store.presentedRecords(now: now())) ?? []).map(\.run))
    for run in Set(abandoned.map(\.run)).subtracting(left) { try? store.forgetRun(run) }
  }

  private func remove(_ record: ValidationRecord, _ noted: PresentedRecord) async {
    do {
      try await editor.cleanup(record)
      try store.forget(noted)
    } catch { warn("the TXT record at \(record.name) could not be removed yet: \(error)") }
  }

  private func noted(_ record: ValidationRecord) -> PresentedRecord {
    PresentedRecord(
      identifier: record.identifier, name: record.name.description, zone: record.zone?.description,
      value: record.value, presentedAt: now(), run: run)
  }

  /// Where the record must be: `_acme-challenge.` below the name, or where an alias of that leads.
  private func record(_ answer: ChallengeAnswer) async throws -> ValidationRecord {
    let text = answer.identifier.description
    let base = text.hasPrefix("*.") ? String(text.dropFirst(2)) : text
    guard let name = DomainName("_acme-challenge." + base) else {
      throw DNSError(.unusable, "\(text) is too long for a DNS-01 challenge")
    }
    let digest = try Digest.sha256(Array(answer.keyAuthorization.utf8))
    let value = Base64URL.encode(digest)
    do throws(DNSError) {
      let end = try await resolver.look(up: name, .txt).canonical
      let zone = try await resolver.zoneApex(of: end).apex
      return ValidationRecord(identifier: text, name: end, zone: zone, value: value, ttl: configuration.ttl)
    } catch {
      // Whoever told us not to look at name servers may have none that we could ask.
      guard configuration.propagationSeconds == nil else { throw error }
      return ValidationRecord(
        identifier: text, name: name, zone: nil, value: value, ttl: configuration.ttl)
    }
  }
}

/// Answers each kind of challenge by whom it concerns.
public struct CombinedResponder: ChallengeResponder {
  /// What is answered, the preferred kind first.
  public let challengeTypes: [ChallengeType]
  private let board: BoardResponder
  private let dns: DNSResponder?
  private let webroot: Webroot?
  private let look: (@Sendable (ChallengeAnswer) async -> String?)?

  /// A responder for `types`; DNS-01 is left out when there is nobody for it. `webroot` has the answers to HTTP-01 as
  /// files besides; `look` tells why an answer cannot be seen where it should be.
  public init(
    _ types: [ChallengeType], _ board: ChallengeBoard, dns: DNSResponder?, webroot: Webroot? = nil,
    look: (@Sendable (ChallengeAnswer) async -> String?)? = nil
  ) {
    challengeTypes = types.filter { $0 != .dns01 || dns != nil }
    self.board = BoardResponder(board, types: types)
    self.dns = dns
    self.webroot = webroot
    self.look = look
  }

  /// Records in zones outlive their run.
  public func tidy() async {
    webroot?.tidy()
    await dns?.tidy()
  }

  /// By the board, or into a zone.
  public func publish(_ answer: ChallengeAnswer) async throws {
    guard answer.type != .dns01 else { return try await dns?.publish(answer) ?? () }
    try await board.publish(answer)
    if answer.type == .http01 { try webroot?.publish(answer) }
  }

  /// Of answers that are looked for on this machine's ports.
  public func objection(to answer: ChallengeAnswer) async -> String? {
    answer.type == .dns01 ? nil : await look?(answer)
  }

  /// The board's answers are visible at once.
  public func settle(_ answers: [ChallengeAnswer]) async throws {
    try await dns?.settle(answers.filter { $0.type == .dns01 })
  }

  /// From the board, or from a zone.
  public func withdraw(_ answer: ChallengeAnswer) async {
    guard answer.type != .dns01 else { return await dns?.withdraw(answer) ?? () }
    await board.withdraw(answer)
    if answer.type == .http01 { webroot?.withdraw(answer) }
  }
}
