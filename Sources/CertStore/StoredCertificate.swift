public import PKI

/// One generation of a certificate, read and found whole.
public struct StoredCertificate: Sendable {
  /// Its name through all renewals.
  public let name: LineageName
  /// The number of the generation, from 1; newer ones are higher.
  public let generation: Int
  /// The absolute path of the link to the served generation: what deploy hooks are given.
  public let directory: String
  /// The private key, which belongs to the leaf.
  public let key: PrivateKey
  /// The leaf and its intermediates.
  public let chain: CertificateChain
  /// What else is known.
  public let meta: CertificateMeta
}
