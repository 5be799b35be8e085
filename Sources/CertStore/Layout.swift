/// Where everything is: the one place that spells the store's paths.
struct Layout: Sendable {
  let root: String

  static let keyFile = "privkey.pem"
  static let leafFile = "cert.pem"
  static let chainFile = "chain.pem"
  static let fullChainFile = "fullchain.pem"
  static let metaFile = "meta.json"
  static let currentLink = "current"

  var lock: String { root + "/lock" }
  var ledger: String { root + "/ledger.jsonl" }
  var olderLedger: String { root + "/ledger.older.jsonl" }
  var compromisedKeys: String { root + "/compromised-keys" }
  var revoked: String { root + "/revoked" }
  var accounts: String { root + "/accounts" }
  var certificates: String { root + "/certificates" }
  var challenges: String { root + "/challenges" }
  var index: String { root + "/index" }
  var installation: String { root + "/installation" }
  var issuers: String { root + "/issuers" }
  var dnsRecords: String { root + "/dns" }
  var deploys: String { root + "/deploys" }
  var quarantine: String { root + "/quarantine" }

  func lineage(_ name: LineageName) -> String { "\(certificates)/\(name)" }
  func lineageLock(_ name: LineageName) -> String { lineage(name) + "/lock" }
  func current(_ name: LineageName) -> String { "\(lineage(name))/\(Self.currentLink)" }
  func generation(_ name: LineageName, _ number: Int) -> String {
    "\(lineage(name))/\(Self.generationName(number))"
  }
  func order(_ name: LineageName) -> String { lineage(name) + "/order.json" }
  func renewal(_ name: LineageName) -> String { lineage(name) + "/renewal.json" }

  static func generationName(_ number: Int) -> String { "gen-\(number)" }

  /// The number of a generation's directory; nil for any other name.
  static func generationNumber(_ name: String) -> Int? {
    guard name.hasPrefix("gen-"), let number = Int(name.dropFirst(4)), number > 0, number < Int(Int32.max),
      generationName(number) == name
    else { return nil }
    return number
  }

  /// A path as an operator reads it: below the root.
  func relative(_ path: String) -> String {
    path.hasPrefix(root + "/") ? String(path.dropFirst(root.utf8.count + 1)) : path
  }
}
