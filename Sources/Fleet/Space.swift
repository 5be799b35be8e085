internal import CertStore

/// Where everything stands in etcd: the one place that spells the keys.
public struct Space: Sendable {
  /// What all keys begin with, a slash at its end.
  public let root: String

  /// Below a prefix.
  public init(prefix: String) { root = prefix.hasSuffix("/") ? prefix : prefix + "/" }

  enum Kind: Equatable {
    case certificate(LineageName), order(LineageName), election(String), challenge, node(String), seen(String)
    case served(node: String, name: String)
    case ledger(node: String)
    case account, tickets, configuration, other
  }

  func certificate(_ name: LineageName) -> String { "\(root)certificates/\(name)" }
  func order(_ name: LineageName) -> String { "\(root)orders/\(name)" }
  func election(_ name: LineageName) -> String { "\(root)elections/\(name)" }
  /// No certificate's name begins with a dot.
  var registration: String { "\(root)elections/.account" }
  func challenge(_ id: String) -> String { "\(root)challenges/\(id)" }
  func node(_ name: String) -> String { "\(root)nodes/\(name)" }
  func seen(_ node: String) -> String { "\(root)seen/\(node)" }
  func served(_ node: String, _ name: String) -> String { "\(root)served/\(node)/\(name)" }
  func ledger(_ node: String, _ id: String) -> String { "\(root)ledger/\(node)/\(id)" }
  func account(_ host: String, _ id: String) -> String { "\(root)accounts/\(host)/\(id)" }
  var tickets: String { "\(root)tickets" }
  var configurations: String { "\(root)configurations/" }

  /// What a key is about.
  func kind(of key: String) -> Kind {
    guard key.hasPrefix(root) else { return .other }
    let parts = key.dropFirst(root.count).split(separator: "/", omittingEmptySubsequences: false).map(
      String.init)
    switch (parts.first, parts.count) {
    case ("certificates", 2): return LineageName(parts[1]).map { .certificate($0) } ?? .other
    case ("orders", 2): return LineageName(parts[1]).map { .order($0) } ?? .other
    case ("elections", 2): return .election(parts[1])
    case ("challenges", 2): return .challenge
    case ("nodes", 2): return .node(parts[1])
    case ("seen", 2): return .seen(parts[1])
    case ("served", 3): return .served(node: parts[1], name: parts[2])
    case ("ledger", 3): return .ledger(node: parts[1])
    case ("accounts", 3): return .account
    case ("tickets", 1): return .tickets
    case ("configurations", _): return .configuration
    default: return .other
    }
  }
}
