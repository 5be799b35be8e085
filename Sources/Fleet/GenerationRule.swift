public import Bytes
public import CertStore
internal import PKI

/// Which of two generations of a certificate is served: never an older one after a newer. Pure.
public enum GenerationRule {
  /// What matters of a generation.
  public struct Facts: Sendable, Equatable {
    /// Its number in the fleet; nil for one that was never there.
    public var number: Int?
    /// Its leaf.
    public var leaf: String
    /// When its validity begins: what is newer begins later.
    public var notBefore: UnixTime

    /// Facts.
    public init(number: Int?, leaf: String, notBefore: UnixTime) {
      (self.number, self.leaf, self.notBefore) = (number, leaf, notBefore)
    }
  }

  /// What a node does with what the fleet has.
  public enum Verdict: Sendable, Equatable {
    /// It has it already.
    case same
    /// It takes it.
    case take
    /// It keeps its own, which is newer; the fleet's is behind.
    case keep
  }

  /// How much earlier than their issuance CAs let validity begin, in seconds: some at midnight.
  public static let backdatingSeconds: Int64 = 90_000

  /// What a node that holds `own` does about `shared`.
  public static func judge(own: Facts?, shared: Facts) -> Verdict {
    guard let own else { return .take }
    if own.leaf == shared.leaf { return .same }
    // Numbers may contradict after etcd was restored from an old copy; what is clearly newer is newer.
    let ahead = own.notBefore - shared.notBefore
    if abs(ahead) > backdatingSeconds { return ahead > 0 ? .keep : .take }
    if let mine = own.number, let theirs = shared.number, mine != theirs {
      return mine < theirs ? .take : .keep
    }
    // Equal numbers of other leaves come of such a copy too; one that has none was obtained alone.
    return own.notBefore > shared.notBefore ? .keep : .take
  }

  /// Whether a node that holds `own` offers it to the fleet, which has `shared`.
  public static func offers(own: Facts, shared: Facts?) -> Bool {
    guard let shared else { return true }
    return judge(own: own, shared: shared) == .keep
  }

  /// The number of the next generation: higher than each that anybody has seen.
  public static func next(own: Int?, shared: Int?) -> Int { max(own ?? 0, shared ?? 0) + 1 }
}

extension GenerationRule.Facts {
  /// Those of a generation of the fleet.
  public init(_ shared: SharedGeneration) {
    self.init(number: shared.number, leaf: shared.leafSHA256, notBefore: shared.chain.leaf.notBefore)
  }

  /// Those of one in a store.
  public init(_ stored: StoredCertificate) {
    self.init(
      number: stored.meta.fleetGeneration, leaf: Hex.encode(stored.chain.leaf.sha256),
      notBefore: stored.chain.leaf.notBefore)
  }
}
