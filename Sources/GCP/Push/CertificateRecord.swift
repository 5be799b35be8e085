public import Bytes
internal import JSON
public import PKI

/// A certificate resource as it was read.
public struct CertificateRecord: Sendable {
  /// Where it is.
  public let link: ResourceLink
  /// Whose it is, if ours in this project.
  public let ownership: Ownership?
  /// The leaf; nil for a managed one that is not issued yet, or one that does not parse.
  public let leaf: Certificate?
  /// The names that it speaks for, or shall once it is issued.
  public let names: [Identifier]
  /// The last moment of its validity.
  public let notAfter: UnixTime?
  /// The state of a certificate that Google manages, such as `PROVISIONING`; nil for a self-managed one.
  public let managedState: String?
  /// The state of each of its domains.
  public let domainStates: [String: String]

  /// Reads an SslCertificate of Compute.
  init(classic json: JSONValue, at path: Path, project: String) {
    link = ResourceLink(path)
    ownership = Self.ownership(json, project)
    leaf = Self.leaf(json["certificate"]?.string ?? json["selfManaged"]?["certificate"]?.string)
    let managed = json["managed"]
    managedState =
      json["type"]?.string == "MANAGED" ? managed?["status"]?.string ?? "PROVISIONING" : nil
    domainStates = (managed?["domainStatus"]?.members ?? [:]).compactMapValues(\.string)
    let texts = managed?["domains"]?.strings ?? json["subjectAlternativeNames"]?.strings ?? []
    names = leaf?.identifiers ?? texts.compactMap(Identifier.init)
    notAfter = leaf?.notAfter ?? json["expireTime"]?.string.flatMap(UnixTime.init(rfc3339:))
  }

  /// Reads a Certificate of Certificate Manager.
  init(manager json: JSONValue, project: String) {
    link = ResourceLink(json["name"]?.string ?? "", project: project)
    ownership = Self.ownership(json, project)
    leaf = Self.leaf(json["pemCertificate"]?.string)
    let managed = json["managed"]
    managedState = managed.map { $0["state"]?.string ?? "PROVISIONING" }
    domainStates = [:]
    let texts = managed?["domains"]?.strings ?? json["sanDnsnames"]?.strings ?? []
    names = leaf?.identifiers ?? texts.compactMap(Identifier.init)
    notAfter = leaf?.notAfter ?? json["expireTime"]?.string.flatMap(UnixTime.init(rfc3339:))
  }

  /// Whether it holds exactly this leaf. Only public parts can be compared: a key is never read back.
  func holds(_ deployment: Deployment) -> Bool { leaf == deployment.chain.leaf }

  private static func ownership(_ json: JSONValue, _ project: String) -> Ownership? {
    let found = Ownership(description: json["description"]?.string)
    return found?.project == project ? found : nil
  }

  private static func leaf(_ pem: String?) -> Certificate? {
    pem.flatMap { try? Certificate.parse(pem: Array($0.utf8)).first }
  }
}

/// A target proxy as it was read.
public struct ProxyState: Sendable, Equatable {
  /// Its certificates, the primary one first.
  public var certificates: [ResourceLink]
  /// What a patch must name; only target HTTPS proxies have one.
  public var fingerprint: String?
  /// Its certificate map: with one, the list is ignored.
  public var certificateMap: ResourceLink?

  init(_ json: JSONValue, project: String) {
    certificates = (json["sslCertificates"]?.strings ?? []).map { ResourceLink($0, project: project) }
    fingerprint = json["fingerprint"]?.string
    certificateMap = json["certificateMap"]?.string.flatMap {
      $0.isEmpty ? nil : ResourceLink($0, project: project)
    }
  }

  /// A state that was not read, for planning.
  init(certificates: [ResourceLink], fingerprint: String? = nil, certificateMap: ResourceLink? = nil) {
    self.certificates = certificates
    self.fingerprint = fingerprint
    self.certificateMap = certificateMap
  }
}

extension ResourceLink {
  /// The reference as another resource is to name it.
  var reference: String {
    isCertificateManager
      ? "//certificatemanager.googleapis.com/\(path)" : "https://www.googleapis.com/compute/v1/\(path)"
  }
}
