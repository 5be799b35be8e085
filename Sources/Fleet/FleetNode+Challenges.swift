public import ACME
internal import Bytes
internal import CertStore
internal import Etcd
internal import JSON
internal import PKI

/// An answer to a challenge as nodes pass it on.
struct SharedAnswer: Equatable, Sendable {
  var type: String
  var identifier: String
  var token: String
  var keyAuthorization: String

  init(_ answer: ChallengeAnswer) {
    type = answer.type.rawValue
    identifier = answer.identifier.description
    token = answer.token
    keyAuthorization = answer.keyAuthorization
  }

  var record: [UInt8] {
    let value: JSONValue = [
      "type": .string(type), "identifier": .string(identifier), "token": .string(token),
      "key_authorization": .string(keyAuthorization),
    ]
    return Array(value.text.utf8)
  }

  init?(record: [UInt8]) {
    guard let value = try? JSONValue(parsing: record), let type = value["type"]?.string,
      let identifier = value["identifier"]?.string, let token = value["token"]?.string,
      let authorization = value["key_authorization"]?.string
    else { return nil }
    (self.type, self.identifier, self.token) = (type, identifier, token)
    keyAuthorization = authorization
  }

  /// Puts it up or takes it down.
  func show(_ isThere: Bool, on board: ChallengeBoard) throws(StoreError) {
    if type == ChallengeType.tlsALPN01.rawValue {
      guard let identifier = Identifier(identifier) else { return }
      if isThere {
        try board.publishValidation(identifier, keyAuthorization: keyAuthorization)
      } else {
        try board.withdrawValidation(identifier, keyAuthorization: keyAuthorization)
      }
    } else if isThere {
      try board.publish(token: token, keyAuthorization: keyAuthorization)
    } else {
      try board.withdraw(token: token)
    }
  }
}

// Whichever node a CA asks, it has the answer.
extension FleetNode {
  /// Where an answer stands; nil for one that no node gives.
  private func key(_ answer: ChallengeAnswer) -> String? {
    guard answer.type != .dns01 else { return nil }
    let text = "\(answer.type.rawValue) \(answer.identifier) \(answer.token)"
    return (try? Digest.sha256(Array(text.utf8))).map { settings.space.challenge(Hex.encode($0.prefix(16))) }
  }

  /// Shows an answer at every node: returns when all that live have it, or their time is up. Throws when etcd does not
  /// take it: then the CA must not be told.
  public func share(_ answer: ChallengeAnswer) async throws {
    guard let key = key(answer) else { return }
    guard isLive else { throw FleetError.lost("the lease is over: another node may go on") }
    // Sealed, although it is no secret: whoever can write to etcd must not have a CA believe them.
    let sealed = try settings.seal.seal(SharedAnswer(answer).record, at: key)
    let result = try await client.commit(Transaction(then: [.put(key, sealed, lease: lease)]))
    let deadline = world.monotonic() + Self.challengeMilliseconds
    var late = await waiting(for: result.revision)
    while world.monotonic() < deadline, !late.isEmpty {
      try? await world.sleep(Self.askAgainSeconds)
      late = await waiting(for: result.revision)
    }
    if !late.isEmpty {
      world.tell(.problem("\(answer.identifier): the CA is told without \(late.joined(separator: ", "))"))
    }
  }

  /// Which live nodes have not said yet that they show what was written in a revision.
  private func waiting(for revision: Int64) async -> [String] {
    let others = mirror.serving.filter { $0 != settings.node }
    guard !others.isEmpty, let said = try? await client.list(prefix: settings.space.seen("")).all else {
      return others
    }
    let shown = said.filter { Int64(String(decoding: $0.value, as: UTF8.self)) ?? 0 >= revision }.map(\.key)
    return others.filter { !shown.contains(settings.space.seen($0)) }
  }

  /// Takes an answer down everywhere; what cannot be ends with this node's lease.
  public func withdraw(_ answer: ChallengeAnswer) async {
    guard let key = key(answer) else { return }
    _ = try? await client.commit(Transaction(then: [.delete(key)]))
  }

  func challengeChanged(_ change: Change) {
    let key = change.keyValue.key
    guard !change.isGone else { return withdrawCopy(key) }
    // What this node puts up itself it takes down itself.
    guard change.keyValue.lease != lease else { return }
    guard let record = try? settings.seal.open(change.keyValue.value, at: key),
      let answer = SharedAnswer(record: record)
    else { return world.tell(.problem("an answer to a challenge that is not the fleet's is not shown")) }
    do throws(StoreError) {
      try answer.show(true, on: store.challenges)
      shown[key] = answer
    } catch { world.tell(.problem("\(error)")) }
  }

  func withdrawCopy(_ key: String) {
    guard let answer = shown.removeValue(forKey: key) else { return }
    try? answer.show(false, on: store.challenges)
  }
}

/// Answers challenges at every node of a fleet: by another responder here, and by the store in common elsewhere.
public struct FleetResponder: ChallengeResponder {
  private let inner: any ChallengeResponder
  private let node: FleetNode

  /// A responder beside another one.
  public init(_ inner: any ChallengeResponder, _ node: FleetNode) { (self.inner, self.node) = (inner, node) }

  /// Those of the one here.
  public var challengeTypes: [ChallengeType] { inner.challengeTypes }
  /// Only what is here.
  public func tidy() async { await inner.tidy() }

  /// Here first, then everywhere.
  public func publish(_ answer: ChallengeAnswer) async throws {
    try await inner.publish(answer)
    try await node.share(answer)
  }

  /// By a look from here.
  public func objection(to answer: ChallengeAnswer) async -> String? { await inner.objection(to: answer) }
  /// As the one here does.
  public func settle(_ answers: [ChallengeAnswer]) async throws { try await inner.settle(answers) }

  /// Here and everywhere.
  public func withdraw(_ answer: ChallengeAnswer) async {
    await inner.withdraw(answer)
    await node.withdraw(answer)
  }
}
