import Bytes
import PKI

/// What another ACME client keeps, as far as certd can go on with it.
struct ForeignState {
  /// Its certificates with their keys.
  var certificates: [ForeignCertificate] = []
  /// Its accounts at CAs.
  var accounts: [ForeignAccount] = []
  /// Files of certificates that no CA renews: they are served from where they lie.
  var served: [(certificate: String, key: String)] = []
  /// Commands that it runs before and after it orders anything.
  var preHooks: [String] = []
  var postHooks: [String] = []
  /// Commands that it runs after every renewal.
  var deployHooks: [String] = []
  /// What is not carried, with the reason.
  var remarks: [Remark] = []
  /// Whether something that should have been carried could not be.
  var hasFailed = false

  /// What is to be told of a file or a setting.
  struct Remark: Equatable {
    let place: String
    let words: String
  }

  /// Something that a user will not miss, or has to do by hand.
  mutating func note(_ place: String, _ words: String) {
    let remark = Remark(place: place, words: words)
    if !remarks.contains(remark) { remarks.append(remark) }
  }

  /// Something that could not be carried: the exit status tells too.
  mutating func refuse(_ place: String, _ words: String) {
    note(place, words)
    hasFailed = true
  }

  /// Reads one thing; what fails there stops nothing else.
  mutating func attempt(_ place: String, _ body: (inout ForeignState) throws -> Void) {
    do { try body(&self) } catch { refuse(place, "\(error)") }
  }
}

/// One certificate of another program.
struct ForeignCertificate {
  /// What that program calls it.
  var name: String
  /// The file or entry that it stands in.
  var place: String
  var key: PrivateKey
  var chain: CertificateChain
  /// URL of the ACME directory that it came from; nil where nobody tells.
  var directory: String?
  /// URL of the account that it came by.
  var account: String?
  /// When that program would renew it, where this is not certd's own rule.
  var renewAt: UnixTime?
  /// The folder in which HTTP-01 answers are put.
  var webroot: String?
  /// Where HTTP-01 was answered by the program itself, where that is not port 80.
  var httpAddress: String?
  /// How its names are proven by DNS-01, in that program's word; nil for another way.
  var dnsProvider: String?
  /// Commands that are run after its renewal.
  var hooks: [String] = []
  /// Copies that are made after its renewal, as keys of `deploy[].copy`.
  var copies: [String: String] = [:]
}

/// One account of another program.
struct ForeignAccount {
  let directory: String
  let url: String
  let contacts: [String]
  let key: PrivateKey
  let place: String
}

/// Why something cannot be read.
struct Unreadable: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Directories of CAs by their hosts, for programs that keep no more than these.
enum KnownDirectories {
  private static let byHost = [
    "acme-v02.api.letsencrypt.org": "https://acme-v02.api.letsencrypt.org/directory",
    "acme-staging-v02.api.letsencrypt.org": "https://acme-staging-v02.api.letsencrypt.org/directory",
    "acme.zerossl.com": "https://acme.zerossl.com/v2/DV90",
    "dv.acme-v02.api.pki.goog": "https://dv.acme-v02.api.pki.goog/directory",
    "dv.acme-v02.test-api.pki.goog": "https://dv.acme-v02.test-api.pki.goog/directory",
    "api.buypass.com": "https://api.buypass.com/acme/directory",
    "acme.ssl.com": "https://acme.ssl.com/sslcom-dv-rsa",
  ]

  static func directory(host: String) -> String? { byHost[host] }

  /// The host of a URL, with its port where it has one.
  static func authority(of url: String) -> String? {
    guard let start = url.firstRange(of: "://")?.upperBound else { return nil }
    let text = url[start...].prefix { $0 != "/" }
    return text.isEmpty ? nil : String(text)
  }
}

extension StringProtocol {
  /// Without white space at both ends.
  var trimmed: String {
    let start = drop { $0.isWhitespace }
    guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(start[...last])
  }
}
