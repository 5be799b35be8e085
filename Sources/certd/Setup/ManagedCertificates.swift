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
    _ certificate: ConfiguredCertificate, _ configuration: Configuration
  ) throws(SetupError) -> Renewal.ManagedCertificate {
    func fail(_ message: String) -> SetupError {
      .configuration(configuration.error(at: certificate.origin, message).description)
    }
    var identifiers: [Identifier] = []
    for name in certificate.names {
      guard let identifier = Identifier(name) else { throw fail("\(name) is not a name or address") }
      identifiers.append(identifier)
    }
    guard let name = LineageName(certificate.name) else {
      throw fail("\(certificate.name) cannot be the name of a directory")
    }
    guard let issuer = configuration.acme.issuer(named: certificate.issuer) else {
      throw fail("there is no issuer \(certificate.issuer ?? "")")
    }
    let profile: String? =
      if case .acme(let settings) = issuer.kind { certificate.profile ?? settings.profile } else { nil }
    return Renewal.ManagedCertificate(
      name: name, identifiers: identifiers,
      keyType: KeyType(rawValue: certificate.keyType.rawValue) ?? .ecP256,
      issuer: issuer.name,
      deploys: DeployAction.all(
        certificate.name, configuration, hooks: certificate.deployHooks, more: certificate.deploys),
      profile: profile)
  }
}
