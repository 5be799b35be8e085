public import CertStore
public import PKI

/// Other nodes that renew the same certificates: one does it, and all have what came of it.
///
/// What has been handed over is where the others find it when a call returns, unless it throws.
public protocol Companions: Sendable {
  /// The right to renew a certificate among all nodes. When it is granted, the store has what other nodes have
  /// published and left of an order.
  func claim(_ name: LineageName) async -> Claimed
  /// Gives it back.
  func release(_ name: LineageName) async
  /// An order in progress: another node goes on with it should this one end.
  func record(_ order: PendingOrder, of name: LineageName) async throws
  /// What has happened counts for all nodes.
  func note(_ entry: LedgerEntry)
  /// Publishes a certificate for all nodes, and gives its number there; nil for one that is this node's own. Throws when
  /// another node has the right by now.
  func publish(
    _ name: LineageName, key: PrivateKey, chain: CertificateChain, meta: CertificateMeta
  ) async throws -> Int?
}

/// What became of asking for the right to renew a certificate.
public enum Claimed: Sendable, Equatable {
  /// It is ours.
  case granted
  /// It is not, and why.
  case withheld(String)
}
