internal import Bytes
internal import CertStore
internal import Etcd
internal import JSON

/// What stands at etcd, as far as a node needs it at hand.
struct Mirror {
  /// Live nodes, by name.
  var nodes: [String: JSONValue] = [:]
  /// The revision up to which each node shows the answers to challenges.
  var seen: [String: Int64] = [:]
  /// What each node serves, by certificate.
  var served: [String: [String: Served]] = [:]
  var generations: [LineageName: SharedGeneration.Head] = [:]
  /// Sealed orders in progress.
  var orders: [LineageName: KeyValue] = [:]
  /// Who renews what.
  var elections: [String: String] = [:]
  /// Accounts by their keys, as they stand there.
  var accounts: [String: [UInt8]] = [:]
  /// Entries of the ledger that are not in this node's yet.
  var ledger: [(node: String, record: [UInt8])] = []
  var ticketsRevision: Int64 = 0

  /// Live nodes that serve, by name: commands do not.
  var serving: [String] { nodes.filter { $0.value["serves"]?.bool != false }.keys.sorted() }
}

/// What a node says of a certificate that it serves.
struct Served: Equatable, Sendable {
  /// Its number in the fleet; 0 for one that is this node's alone.
  var generation: Int
  var leaf: String
  /// Whether the node has shaken hands with itself and got it.
  var isProven: Bool

  var record: [UInt8] {
    let value: JSONValue = [
      "generation": JSONValue(generation), "leaf": .string(leaf), "proven": .bool(isProven),
    ]
    return Array(value.text.utf8)
  }

  init(generation: Int, leaf: String, isProven: Bool) {
    (self.generation, self.leaf, self.isProven) = (generation, leaf, isProven)
  }

  init?(record: [UInt8]) {
    guard let value = try? JSONValue(parsing: record), let leaf = value["leaf"]?.string else { return nil }
    self.init(
      generation: Int(clamping: value["generation"]?.int ?? 0), leaf: leaf,
      isProven: value["proven"]?.bool ?? false)
  }
}
