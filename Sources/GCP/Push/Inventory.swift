internal import Bytes
internal import JSON
internal import PKI

/// What there is in a project.
enum Inventory {
  /// The certificates that any target proxy of a scope has in its list.
  static func usedCertificates(_ session: Session, _ scope: Scope) async throws(GCPError) -> Set<ResourceLink>
  {
    var used: Set<ResourceLink> = []
    for kind in Target.Kind.allCases where kind == .httpsProxy || scope == .global {
      let collection = kind == .httpsProxy ? "targetHttpsProxies" : "targetSslProxies"
      for proxy in try await session.list(session.path(scope, collection)) {
        used.formUnion(ProxyState(proxy, project: session.project).certificates)
      }
    }
    return used
  }

  /// The classic certificates of a scope.
  static func classicRecords(_ session: Session, _ scope: Scope) async throws(GCPError) -> [CertificateRecord]
  {
    let path = session.path(scope, "sslCertificates")
    return try await session.list(path).map {
      CertificateRecord(
        classic: $0, at: path.appending($0["name"]?.string ?? ""), project: session.project)
    }
  }

  /// The certificates of a location of Certificate Manager.
  static func managerRecords(
    _ session: Session, _ location: String
  ) async throws(GCPError) -> [CertificateRecord] {
    try await session.list(session.path(location: location, "certificates")).map {
      CertificateRecord(manager: $0, project: session.project)
    }
  }
}

/// The key's text for the body of an upload.
func keyText(_ deployment: Deployment, _ step: String) throws(GCPError) -> String {
  do throws(PKIError) { return text(try deployment.key.pem()) } catch {
    throw GCPError(step, .refusedHere("\(error)"))
  }
}

func hex(_ bytes: [UInt8]) -> String { Hex.encode(bytes) }
