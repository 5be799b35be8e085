import CertStore
import Configuration
import FoundationEssentials
import OS
import PKI

/// How a certificate was asked for by `certd issue` without a configuration file, kept beside it so that
/// `certd renew` from cron needs no flags. Holds no secret.
struct IssuedRequest: Codable, Equatable {
  var names: [String]
  var issuer: String?
  var roots: [String]
  var email: String?
  var agreesToTerms: Bool
  var httpAddress: String?
  var keyType: String
  var hooks: [String]
  /// The program that changes zones for DNS-01.
  var dnsProgram: String?
  /// The external account at its issuer; the key stays in its file.
  var externalAccountKeyID: String?
  var externalAccountKeyFile: String?
  /// Whether its issuer is one of the configuration file's; otherwise the fields above stand for one.
  var isByConfiguration: Bool?

  private static let fileName = "request.json"
  /// How often it is tried to write one.
  private static let tries = 3
  /// The largest file that is read of a request for a certificate, in bytes.
  private static let maximumFileBytes = 64 << 10

  private static func path(_ store: CertStore, _ name: LineageName) -> String {
    "\(store.root)/certificates/\(name)/\(fileName)"
  }

  /// Written aside and renamed into place.
  func save(_ store: CertStore, _ name: LineageName) throws(SetupError) {
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      let bytes = [UInt8](try encoder.encode(self))
      // A daemon that tidies this certificate up in between may take what is not in place yet for a killed writer's.
      for _ in 1..<Self.tries {
        if (try? store.files.publish(Self.path(store, name), bytes, mode: 0o600)) != nil { return }
      }
      try store.files.publish(Self.path(store, name), bytes, mode: 0o600)
    } catch { throw .other("\(error)") }
  }

  /// The same with paths that do not depend on where cron happens to run.
  func withAbsolutePaths() throws(SetupError) -> IssuedRequest {
    var request = self
    do throws(SystemError) {
      var absolute: [String] = []
      for root in roots { absolute.append(try FileSystem().absolutePath(root)) }
      request.roots = absolute
      request.externalAccountKeyFile = try externalAccountKeyFile.map { (path) throws(SystemError) in
        try FileSystem().absolutePath(path)
      }
      request.dnsProgram = try dnsProgram.map { (path) throws(SystemError) in
        try FileSystem().absolutePath(path)
      }
    } catch { throw .other("\(error)") }
    return request
  }

  /// Whether a request is kept for a certificate.
  static func isKept(_ store: CertStore, _ name: LineageName) -> Bool {
    FileSystem().isFile(path(store, name))
  }

  /// The names of all other certificates that a request is kept for, also of those whose files are lost.
  static func names(_ store: CertStore, besides known: Set<LineageName>) -> [LineageName] {
    let entries = (try? FileSystem().list("\(store.root)/certificates")) ?? []
    return entries.compactMap { LineageName($0) }.filter { !known.contains($0) && isKept(store, $0) }.sorted()
  }

  /// The request kept for a certificate.
  static func read(_ store: CertStore, _ name: LineageName) throws(SetupError) -> IssuedRequest {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try FileSystem().read(path(store, name), limitInBytes: maximumFileBytes)
    } catch { throw .other("\(error)") }
    guard let request = try? JSONDecoder().decode(IssuedRequest.self, from: Data(bytes)) else {
      throw .other("\(path(store, name)) is damaged; issue the certificate again")
    }
    return request
  }

  /// The flags that stand for it.
  var options: InlineOptions {
    // Certificates need no backend; the flags' reader wants one.
    var options = InlineOptions(
      domains: names.filter { Identifier($0)?.isAddress != true }, backends: ["127.0.0.1:1"])
    options.addresses = names.filter { Identifier($0)?.isAddress == true }
    options.issuer = issuer
    options.dnsProgram = dnsProgram
    options.externalAccountKeyID = externalAccountKeyID
    options.externalAccountKeyFile = externalAccountKeyFile
    options.roots = roots
    options.email = email
    options.agreesToTerms = agreesToTerms
    options.nameGoogleProject()
    if let httpAddress { options.httpAddress = httpAddress == "off" ? nil : httpAddress }
    return options
  }
}
