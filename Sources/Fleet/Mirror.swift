internal import Bytes
internal import CertStore
internal import Etcd
internal import JSON

/// What stands at etcd, as far as a node needs it at hand.
struct Mirror {
  /// Live nodes, by name.
  var nodes: [String: JSONValue] = [:]
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
  /// Sealed configurations, by number.
  var configurations: [Int: KeyValue] = [:]
  var turn: ConfigurationTurn?
  /// Files that all nodes have, by name, and in which revision each was written.
  var files: [String: (content: [UInt8], revision: Int64)] = [:]

  /// Live nodes that serve, by name: commands do not.
  var serving: [String] { nodes.filter { $0.value["serves"]?.bool != false }.keys.sorted() }
}

/// What a node says of all that it serves.
struct Serves: Equatable, Sendable {
  /// How many certificates.
  var count: Int
  /// Certificates of the fleet that it does not serve as the fleet has them, the first of them.
  var behind: [String]

  /// Certificates that are told of at most.
  static let maximumTold = 100

  var record: [UInt8] {
    let value: JSONValue = ["serves": JSONValue(count), "behind": JSONValue(behind)]
    return Array(value.text.utf8)
  }

  init(count: Int, behind: [String]) { (self.count, self.behind) = (count, behind) }

  init?(record: [UInt8]) {
    guard let value = try? JSONValue(parsing: record), let count = value["serves"]?.int else { return nil }
    self.init(count: Int(clamping: count), behind: value["behind"]?.strings ?? [])
  }
}
