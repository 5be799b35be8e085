internal import COpenSSL

/// A certificate chain with its private key, as a server presents it, and the names that it answers to.
public struct Credential: Sendable, Hashable {
  /// What people call it: the lineage's name or the file's path. For messages only.
  public let label: String
  /// The chain as DER, leaf first.
  public let chain: [[UInt8]]
  /// The private key as PEM. Never shown: `description` leaves it out.
  public let privateKeyPEM: [UInt8]
  /// DNS names of the leaf, lower-case; a leading `*.` stands for exactly one label.
  public let names: [String]

  /// A credential; whether the parts fit is found out when a context is made of it.
  public init(label: String, chain: [[UInt8]], privateKeyPEM: [UInt8], names: [String]) {
    self.label = label
    self.chain = chain
    self.privateKeyPEM = privateKeyPEM
    self.names = names
  }
}

extension Credential: CustomStringConvertible {
  /// The label and the names, never the key.
  public var description: String { "\(label) (\(names.joined(separator: ", ")))" }
}

extension Credential {
  /// Makes a context present it.
  func load(into context: OpaquePointer) throws(ContextError) {
    for (index, der) in chain.enumerated() {
      var bytes: UnsafePointer<UInt8>?
      let certificate = unsafe der.withUnsafeBufferPointer { buffer in
        unsafe bytes = buffer.baseAddress
        return unsafe d2i_X509(nil, &bytes, buffer.count)
      }
      guard let certificate = unsafe certificate else {
        throw ContextError("read certificate \(index + 1) of \(label)")
      }
      defer { unsafe X509_free(certificate) }
      let status =
        unsafe index == 0
        ? SSL_CTX_use_certificate(context, certificate) : certd_SSL_CTX_add1_chain_cert(context, certificate)
      guard status == 1 else { throw ContextError("use certificate \(index + 1) of \(label)") }
    }
    let key = try unsafe privateKey()
    defer { unsafe EVP_PKEY_free(key) }
    guard unsafe SSL_CTX_use_PrivateKey(context, key) == 1, unsafe SSL_CTX_check_private_key(context) == 1
    else {
      throw ContextError("use the private key of \(label)")
    }
  }

  /// Makes one connection present its leaf.
  func load(intoSession ssl: OpaquePointer) throws(ContextError) {
    let leaf = chain.first ?? []
    var bytes: UnsafePointer<UInt8>?
    let certificate = unsafe leaf.withUnsafeBufferPointer { buffer in
      unsafe bytes = buffer.baseAddress
      return unsafe d2i_X509(nil, &bytes, buffer.count)
    }
    guard let certificate = unsafe certificate else { throw ContextError("read the certificate of \(label)") }
    defer { unsafe X509_free(certificate) }
    let key = try unsafe privateKey()
    defer { unsafe EVP_PKEY_free(key) }
    guard unsafe SSL_use_certificate(ssl, certificate) == 1, unsafe SSL_use_PrivateKey(ssl, key) == 1 else {
      throw ContextError("use the certificate of \(label)")
    }
  }

  /// The caller owns it.
  private func privateKey() throws(ContextError) -> OpaquePointer {
    let bio = unsafe BIO_new_mem_buf(privateKeyPEM, Int32(truncatingIfNeeded: privateKeyPEM.count))
    defer { unsafe BIO_free(bio) }
    // A callback that gives no password: an encrypted key is an error, never a prompt.
    guard let key = unsafe PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil) else {
      throw ContextError("read the private key of \(label)")
    }
    return unsafe key
  }
}
