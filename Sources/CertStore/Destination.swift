/// A place outside of this machine where others take a certificate from. Names of files and of things only: what
/// opens it is read when it is written to, and never kept in the queue.
public enum Destination: Codable, Sendable, Equatable {
  /// A `kubernetes.io/tls` Secret.
  case kubernetes(KubernetesSecret)
  /// AWS Certificate Manager.
  case awsACM(ACMCertificate)
  /// Azure Key Vault.
  case azureKeyVault(KeyVaultCertificate)
  /// HashiCorp Vault's KV engine, or OpenBao's.
  case vault(VaultSecret)

  /// What is written, for people.
  public var summary: String {
    switch self {
    case .kubernetes(let secret):
      "secret \(secret.namespace.map { "\($0)/" } ?? "")\(secret.secret) of Kubernetes"
    case .awsACM(let certificate): certificate.arn ?? "AWS Certificate Manager in \(certificate.region)"
    case .azureKeyVault(let certificate): "certificate \(certificate.certificate) of \(certificate.vault)"
    case .vault(let secret): "\(secret.mount)/\(secret.path) of \(secret.address)"
    }
  }
}

/// A Secret of the type `kubernetes.io/tls`.
public struct KubernetesSecret: Codable, Sendable, Equatable {
  /// Its name.
  public var secret = ""
  /// Its namespace; nil for that of the pod or of the kubeconfig's context.
  public var namespace: String?
  /// The kubeconfig; nil for `KUBECONFIG`, else the pod's service account.
  public var kubeconfig: String?
  /// The kubeconfig's context; nil for its current one.
  public var context: String?
  /// Whether fields that another manager has set are taken from it.
  public var force = false

  /// No secret.
  public init() {}
}

/// A certificate of AWS Certificate Manager.
public struct ACMCertificate: Codable, Sendable, Equatable {
  /// The region.
  public var region = ""
  /// The certificate that is imported again; nil for the one that certd has tagged with the certificate's name.
  public var arn: String?
  /// A file of credentials as AWS's tools have it; nil for the environment, then the role of the pod or machine.
  public var credentials: String?
  /// The profile in that file.
  public var profile = "default"

  /// No certificate.
  public init() {}
}

/// A certificate of Azure Key Vault.
public struct KeyVaultCertificate: Codable, Sendable, Equatable {
  /// The vault's URL.
  public var vault = ""
  /// The certificate's name.
  public var certificate = ""
  /// The directory's tenant, for a client with a secret.
  public var tenant: String?
  /// The client, or the managed identity that the user has assigned.
  public var clientID: String?
  /// The file with the client's secret; nil for a workload's or a managed identity.
  public var clientSecretFile: String?

  /// No certificate.
  public init() {}
}

/// A secret of Vault's KV engine.
public struct VaultSecret: Codable, Sendable, Equatable {
  /// Vault's URL.
  public var address = ""
  /// Where the engine is mounted.
  public var mount = "secret"
  /// The secret's path in it.
  public var path = ""
  /// The engine's version, 1 or 2.
  public var version = 2
  /// Vault's namespace.
  public var namespace: String?
  /// The file with the token; nil for `VAULT_TOKEN`.
  public var tokenFile: String?
  /// The AppRole's identifier.
  public var roleID: String?
  /// The file with the AppRole's secret.
  public var secretIDFile: String?
  /// Further roots to trust, a PEM file.
  public var caFile: String?

  /// No secret.
  public init() {}
}
