public import CertStore

/// What several nodes need of a store that they have in common. One suite of tests holds for all of them.
///
/// Each call takes effect as a whole or not at all; one that throws may have taken effect, and may be repeated.
public protocol SharedStore: Sendable {
  /// The right to change one certificate; it may be lost at any time, and then nothing can be done under it.
  func claim(_ name: LineageName) async throws(FleetError) -> ClaimOutcome
  /// Gives it back.
  func release(_ claim: Claim) async
  /// The newest generation; nil when there is none.
  func newest(_ name: LineageName) async throws(FleetError) -> SharedGeneration?
  /// Publishes a generation behind one with the number `previous`, or the first; forgets the order in progress.
  func publish(
    _ generation: SharedGeneration, after previous: Int?, under claim: Claim
  ) async throws(FleetError) -> Publication
  /// The order in progress; nil when there is none.
  func order(_ name: LineageName) async throws(FleetError) -> PendingOrder?
  /// Writes an order down; false when the right is lost.
  func record(_ order: PendingOrder, under claim: Claim) async throws(FleetError) -> Bool
}

/// The right to change one certificate.
public struct Claim: Sendable, Hashable {
  /// Which.
  public let name: LineageName
  /// Higher than that of every claim before.
  public let fence: Int64
}

/// What became of a claim.
public enum ClaimOutcome: Sendable, Equatable {
  /// It is ours.
  case granted(Claim)
  /// Another node has it.
  case held(by: String)
}

/// What became of a publication.
public enum Publication: Sendable, Equatable {
  /// It is the newest.
  case published
  /// There is another newest one than was thought.
  case overtaken
  /// The right is lost: another node may have it.
  case lost
}

/// Why something of a fleet failed.
public enum FleetError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The store in common cannot be reached, or refuses.
  case store(String)
  /// The right to do it is not there any more.
  case lost(String)
  /// What stands there cannot be used.
  case damaged(String)

  /// What is wrong.
  public var description: String {
    switch self {
    case .store(let why), .lost(let why), .damaged(let why): why
    }
  }
}
