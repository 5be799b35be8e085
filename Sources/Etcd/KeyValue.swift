// Etcd: the v3 API of etcd over its JSON gateway.
//
// It does not decide what is stored, hold a copy of it, or wait for anything but single answers. It promises that every
// answer is hostile until it is parsed; that each call has an end; that a member that does not answer is followed by
// the next; that neither password nor content stands in an error.

/// A key with its value, as one revision of the store has it.
public struct KeyValue: Sendable, Equatable {
  /// The key.
  public var key: String
  /// Its value.
  public var value: [UInt8]
  /// The revision in which the key was made; 0 for none.
  public var createRevision: Int64
  /// The revision in which it was changed last.
  public var modRevision: Int64
  /// The lease that it ends with; 0 for none.
  public var lease: Int64

  /// A key and its value.
  public init(
    key: String, value: [UInt8] = [], createRevision: Int64 = 0, modRevision: Int64 = 0, lease: Int64 = 0
  ) {
    self.key = key
    self.value = value
    self.createRevision = createRevision
    self.modRevision = modRevision
    self.lease = lease
  }

  /// The largest value that is written, in bytes: etcd takes 1.5 MiB a request.
  public static let maximumValueInBytes = 1 << 20
  /// The longest key, in bytes.
  public static let maximumKeyInBytes = 1024
}

/// Several changes that are made together, or not at all.
public struct Transaction: Sendable, Equatable {
  /// What must hold.
  public enum Comparison: Sendable, Equatable {
    /// The key was made in this revision; 0: it is not there.
    case created(String, Int64)
    /// The key was changed last in this revision; 0: it is not there.
    case modified(String, Int64)
  }

  /// What is done.
  public enum Operation: Sendable, Equatable {
    /// Writes a key; it ends with the lease, unless that is 0.
    case put(String, [UInt8], lease: Int64 = 0)
    /// Removes a key.
    case delete(String)
    /// Removes all keys that begin so.
    case deleteAll(prefix: String)
    /// Reads a key.
    case get(String)
  }

  /// All of them must hold.
  public var comparisons: [Comparison]
  /// What is done then.
  public var success: [Operation]
  /// What is done otherwise.
  public var failure: [Operation]

  /// A transaction.
  public init(if comparisons: [Comparison] = [], then success: [Operation], else failure: [Operation] = []) {
    self.comparisons = comparisons
    self.success = success
    self.failure = failure
  }

  /// The most operations of one transaction: etcd's own limit is 128.
  public static let maximumOperations = 100
}

/// What became of a transaction.
public struct TransactionResult: Sendable, Equatable {
  /// Whether everything held that had to.
  public var succeeded: Bool
  /// The store's revision after it.
  public var revision: Int64
  /// What was read.
  public var found: [KeyValue]
}

/// What a watch tells.
public enum WatchMessage: Sendable, Equatable {
  /// It stands; all before this revision has been told or asked for.
  case began(revision: Int64)
  /// Changes up to a revision, in their order. A value of nil: the key has gone.
  case changes([Change], revision: Int64)
  /// What was asked for is not kept any more: everything has to be read anew.
  case compacted(Int64)
  /// It has come to an end; why, unless its time was up.
  case ended(EtcdError?)
}

/// A change of one key.
public struct Change: Sendable, Equatable {
  /// The key as it is since; without a value when it has gone.
  public var keyValue: KeyValue
  /// Whether it has gone.
  public var isGone: Bool

  /// A change.
  public init(_ keyValue: KeyValue, isGone: Bool = false) {
    self.keyValue = keyValue
    self.isGone = isGone
  }
}

/// Why etcd did not do something.
public enum EtcdError: Error, Sendable, Equatable, CustomStringConvertible {
  /// No member could be asked, or none had a majority; the last one's reason.
  case unreachable(String)
  /// It refuses: gRPC's code, and the words.
  case refused(code: Int64, String)
  /// What came is no answer to this question.
  case malformed(String)

  /// What is wrong.
  public var description: String {
    switch self {
    case .unreachable(let why): "etcd cannot be reached: \(why)"
    case .refused(let code, let why): "etcd refuses (\(code)): \(why)"
    case .malformed(let what): "etcd's answer is not understood: \(what)"
    }
  }
}
