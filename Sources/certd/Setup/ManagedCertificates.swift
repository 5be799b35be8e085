import CertStore
import Configuration
import PKI
import Renewal

/// The certificates that a configuration wants obtained, as the planner knows them.
enum ManagedCertificates {
  /// `covered` tells which hosts a certificate from files answers for. Throws every error, with its place.
  static func list(
    _ configuration: Configuration, covered: (String) -> Bool
  ) throws(SetupError) -> [Renewal.ManagedCertificate] {
    let (certificates, errors) = configuration.managedCertificates(covered: covered)
    guard errors.isEmpty else {
      throw .configuration(errors.map(\.description).joined(separator: "\n"))
    }
    var list: [Renewal.ManagedCertificate] = []
    for certificate in certificates { list.append(try managed(certificate, configuration)) }
    return list
  }

  private static func managed(
    _ certificate: WantedCertificate, _ configuration: Configuration
  ) throws(SetupError) -> Renewal.ManagedCertificate {
    func fail(_ message: String) -> SetupError {
      .configuration(configuration.error(at: certificate.origin, message).description)
    }
    var identifiers: [Identifier] = []
    for name in certificate.names {
      guard let identifier = Identifier(name) else {
        throw fail(
          name.contains("_")
            ? "no certificate can be had for \(name): host names have no underscore; rename the host, or give cert and "
              + "key files" : "\(name) is not a name or address")
      }
      identifiers.append(identifier)
    }
    guard let name = LineageName(certificate.name) else {
      throw fail("\(certificate.name) cannot be the name of a directory")
    }
    let issuers = configuration.acme.choices(named: certificate.issuer)
    guard !issuers.isEmpty else { throw fail("there is no issuer \(certificate.issuer ?? "")") }
    return Renewal.ManagedCertificate(
      name: name, identifiers: identifiers,
      keyType: certificate.keyType,
      issuers: issuers.map {
        IssuerChoice($0.name, profile: $0.kind == .local ? nil : certificate.profile ?? $0.profile)
      },
      deploys: DeployAction.all(
        certificate.name, configuration, hooks: certificate.deployHooks, more: certificate.deploys,
        isSibling: certificate.isSibling))
  }
}

extension IssuerSettings {
  /// The certificate profile to ask it for.
  var profile: String? {
    if case .acme(let settings) = kind { settings.profile } else { nil }
  }
}
