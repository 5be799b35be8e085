internal import CertStore

/// Where everything stands in etcd: the one place that spells the keys.
public struct Space: Sendable {
  /// What the keys begin with that every node follows, a slash at its end.
  public let root: String
  /// What the keys begin with that nodes say of themselves: read by who wants to know, and followed by nobody, for of
  /// hundreds of nodes each would hear from each.
  let said: String

  /// Below a prefix.
  public init(prefix: String) {
    var prefix = prefix
    while prefix.hasSuffix("/") { prefix.removeLast() }
    (root, said) = (prefix + "/", prefix + "-said/")
  }

  enum Kind: Equatable {
    case certificate(LineageName), order(LineageName), election(String), challenge, node(String)
    case ledger(node: String)
    case file(String)
    case account, tickets, configuration(Int), turn, other
  }

  func certificate(_ name: LineageName) -> String { "\(root)certificates/\(name)" }
  func order(_ name: LineageName) -> String { "\(root)orders/\(name)" }
  func election(_ name: LineageName) -> String { "\(root)elections/\(name)" }
  /// No certificate's name begins with a dot.
  var registration: String { "\(root)elections/.account" }
  func challenge(_ id: String) -> String { "\(root)challenges/\(id)" }
  func node(_ name: String) -> String { "\(root)nodes/\(name)" }
  /// Up to which revision a node shows the answers to challenges.
  func seen(_ node: String) -> String { "\(said)seen/\(node)" }
  /// What a node serves in all.
  func serves(_ node: String) -> String { "\(said)nodes/\(node)" }
  /// Which leaf of a certificate a node has got of itself.
  func proven(_ name: LineageName, _ node: String) -> String { "\(said)proven/\(name)/\(node)" }
  func ledger(_ node: String, _ id: String) -> String { "\(root)ledger/\(node)/\(id)" }
  func account(_ host: String, _ id: String) -> String { "\(root)accounts/\(host)/\(id)" }
  func file(_ name: String) -> String { "\(root)files/\(name)" }
  var tickets: String { "\(root)tickets" }
  var configurations: String { "\(root)configurations/" }
  func configuration(_ number: Int) -> String { "\(configurations)\(number)" }
  /// Whose turn it is to take which of them.
  var turn: String { "\(configurations)turn" }
  /// What a node says of one.
  func word(_ number: Int, _ node: String) -> String { "\(said)configurations/\(number)/\(node)" }

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
    case ("ledger", 3): return .ledger(node: parts[1])
    case ("accounts", 3): return .account
    case ("tickets", 1): return .tickets
    case ("files", 2): return .file(parts[1])
    case ("configurations", 2):
      return parts[1] == "turn" ? .turn : Int(parts[1]).map { .configuration($0) } ?? .other
    default: return .other
    }
  }
}
