internal import Bytes
public import PKI

/// One certificate as it is to be served: a chain and its key, under the name that its owner calls it by.
public struct Deployment: Sendable {
  /// For instance `llm.example.com`.
  public let name: String
  /// Leaf first.
  public let chain: CertificateChain
  /// The leaf's key. It goes into the body of an upload, and nowhere else.
  public let key: PrivateKey

  /// The most certificates in a chain that a load balancer takes.
  public static let maximumClassicChain = 5
  /// The same of Certificate Manager.
  public static let maximumManagerChain = 10

  /// A certificate to deploy.
  public init(name: String, chain: CertificateChain, key: PrivateKey) {
    self.name = name
    self.chain = chain
    self.key = key
  }

  /// Where a push puts it as a classic certificate of a scope.
  public func link(prefix: String, project: String, scope: Scope) -> ResourceLink {
    let name = ResourceName.certificate(prefix: prefix, name: name, sha256: sha256)
    return ResourceLink(Path(.compute, "projects/\(project)/\(scope)/sslCertificates/\(name)"))
  }

  var sha256: String { Hex.encode(chain.leaf.sha256) }

  /// Why Google would refuse it, or clients would; nil when it may be uploaded. Asked before any write.
  func refusal(for target: Target, now: UnixTime) -> String? {
    do throws(PKIError) { try chain.check(key: key, identifiers: [], now: now) } catch { return error.reason }
    let most = target.route == .classic ? Self.maximumClassicChain : Self.maximumManagerChain
    guard chain.intermediates.count < most else {
      return "the chain has \(chain.intermediates.count + 1) certificates; at most \(most) are taken"
    }
    guard let type = key.type, Self.keyTypes(target).contains(type) else {
      let types = Self.keyTypes(target).map(\.rawValue).joined(separator: ", ")
      return "a key of type \(chain.leaf.keyTypeDescription) is not taken here, only \(types)"
    }
    guard !chain.leaf.identifiers.isEmpty || chain.leaf.commonName != nil else {
      return "the certificate is for no name"
    }
    return nil
  }

  /// Global load balancers take fewer kinds of keys than regional ones and Certificate Manager.
  private static func keyTypes(_ target: Target) -> [KeyType] {
    target.route == .classic && target.scope == .global ? [.rsa2048, .ecP256] : KeyType.allCases
  }
}
