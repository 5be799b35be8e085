import CertStore
import Configuration
import FoundationEssentials
import OS

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

  private static let fileName = "request.json"
  private static let maximumFileBytes = 64 << 10

  private static func path(_ store: CertStore, _ name: LineageName) -> String {
    "\(store.root)/certificates/\(name)/\(fileName)"
  }

  /// Written aside and renamed into place.
  func save(_ store: CertStore, _ name: LineageName) throws(SetupError) {
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      try FileSystem().publish(Self.path(store, name), [UInt8](encoder.encode(self)), mode: 0o600)
    } catch { throw .other("\(error)") }
  }

  /// Every request of the store, by name; what cannot be read is told and left out.
  static func all(_ store: CertStore, _ names: [LineageName]) -> [(LineageName, IssuedRequest)] {
    names.compactMap { name in
      guard
        let bytes = try? FileSystem().readIfPresent(path(store, name), limitInBytes: maximumFileBytes)
      else { return nil }
      guard let request = try? JSONDecoder().decode(IssuedRequest.self, from: Data(bytes)) else {
        Output.error("certd: \(path(store, name)) is damaged; issue the certificate again")
        return nil
      }
      return (name, request)
    }
  }

  /// The flags that stand for it.
  var options: InlineOptions {
    // Certificates need no backend; the flags' reader wants one.
    var options = InlineOptions(domains: names, backends: ["127.0.0.1:1"])
    options.issuer = issuer
    options.roots = roots
    options.email = email
    options.agreesToTerms = agreesToTerms
    if let httpAddress { options.httpAddress = httpAddress == "off" ? nil : httpAddress }
    return options
  }
}
