import COpenSSL
import Glibc
public import TLS

/// A certification authority for clients: it issues certificates meant for clients and revokes them.
public final class ClientAuthority: @unchecked Sendable {
  /// Something that OpenSSL did not make.
  public struct NotMade: Error { let what: String }

  private let certificate: OpaquePointer
  private let key: OpaquePointer
  private let issuer: ClientAuthority?

  /// A root, or an intermediate of another authority.
  public init(_ name: String = "Clients", under issuer: ClientAuthority? = nil) throws {
    self.issuer = issuer
    key = try made(certd_EVP_EC_gen("P-256"), "key")
    certificate = try draft("CN=\(name)", key, issuer.map { X509_get_subject_name($0.certificate) }, -10, 100)
    try extend(
      certificate, issuer?.certificate ?? certificate,
      [
        (NID_basic_constraints, "critical,CA:TRUE"), (NID_key_usage, "critical,keyCertSign,cRLSign"),
        (NID_subject_key_identifier, "hash"),
      ])
    guard X509_sign(certificate, issuer?.key ?? key, EVP_sha256()) > 0 else { throw NotMade(what: "root") }
  }

  deinit {
    X509_free(certificate)
    EVP_PKEY_free(key)
  }

  /// Its certificate.
  public var pem: [UInt8] { text { PEM_write_bio_X509($0, certificate) } }

  /// A client's certificate with its key and the intermediates: `subject` as `CN=a,O=b`, `names` as OpenSSL writes
  /// them, such as `URI:spiffe://a/b`.
  public func client(
    _ subject: String = "CN=alice", names: String? = nil, usage: String = "clientAuth", days: Int = 30,
    startDays: Int = -1
  ) throws -> Credential {
    let leafKey = try made(certd_EVP_EC_gen("P-256"), "key")
    defer { EVP_PKEY_free(leafKey) }
    let leaf = try draft(subject, leafKey, X509_get_subject_name(certificate), startDays, days)
    defer { X509_free(leaf) }
    var extensions = [(NID_basic_constraints, "CA:FALSE"), (NID_ext_key_usage, usage)]
    if let names { extensions.append((NID_subject_alt_name, names)) }
    try extend(leaf, certificate, extensions)
    guard X509_sign(leaf, key, EVP_sha256()) > 0 else { throw NotMade(what: "leaf") }
    return Credential(
      label: subject, chain: [der(leaf)] + (issuer == nil ? [] : [der(certificate)]),
      privateKeyPEM: text { PEM_write_bio_PrivateKey($0, leafKey, nil, nil, 0, nil, nil) }, names: [])
  }

  /// A list of what is revoked, from an hour ago until so many seconds from now; as PEM, or as DER.
  public func revoking(
    _ credentials: [Credential] = [], untilSeconds: Int = 3600, asDER: Bool = false
  ) throws -> [UInt8] {
    let list = try made(X509_CRL_new(), "list")
    defer { X509_CRL_free(list) }
    X509_CRL_set_version(list, 1)
    X509_CRL_set_issuer_name(list, X509_get_subject_name(certificate))
    let now = time(nil)
    let (from, until) = (ASN1_TIME_set(nil, now - 3600), ASN1_TIME_set(nil, now + untilSeconds))
    defer {
      ASN1_STRING_free(from)
      ASN1_STRING_free(until)
    }
    X509_CRL_set1_lastUpdate(list, from)
    X509_CRL_set1_nextUpdate(list, until)
    for credential in credentials {
      let leaf = try parse(credential.chain[0])
      defer { X509_free(leaf) }
      let entry = try made(X509_REVOKED_new(), "entry")
      X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(leaf))
      X509_REVOKED_set_revocationDate(entry, from)
      X509_CRL_add0_revoked(list, entry)
    }
    X509_CRL_sort(list)
    guard X509_CRL_sign(list, key, EVP_sha256()) > 0 else { throw NotMade(what: "list") }
    guard asDER else { return text { PEM_write_bio_X509_CRL($0, list) } }
    return text { i2d_X509_CRL_bio($0, list) }
  }

  // MARK: OpenSSL

  private func parse(_ der: [UInt8]) throws -> OpaquePointer {
    try der.withUnsafeBufferPointer { buffer in
      var at = buffer.baseAddress
      return try made(d2i_X509(nil, &at, buffer.count), "leaf")
    }
  }

  private func der(_ certificate: OpaquePointer) -> [UInt8] { text { i2d_X509_bio($0, certificate) } }
}

private func made(_ pointer: OpaquePointer?, _ what: String) throws -> OpaquePointer {
  guard let pointer else { throw ClientAuthority.NotMade(what: what) }
  return pointer
}

private func text(_ write: (OpaquePointer?) -> Int32) -> [UInt8] {
  let bio = BIO_new(BIO_s_mem())
  defer { BIO_free_all(bio) }
  guard write(bio) == 1 else { return [] }
  var start: UnsafeMutablePointer<CChar>?
  let count = certd_BIO_get_mem_data(bio, &start)
  return Array(UnsafeRawBufferPointer(start: start, count: count))
}

/// Everything but extensions and signature; times in days from now.
private func draft(
  _ subject: String, _ key: OpaquePointer, _ issuer: OpaquePointer?, _ startDays: Int, _ endDays: Int
) throws -> OpaquePointer {
  let certificate = try made(X509_new(), "certificate")
  X509_set_version(certificate, 2)
  var system = SystemRandomNumberGenerator()
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), system.next() >> 2 | 1)
  X509_gmtime_adj(X509_getm_notBefore(certificate), startDays * 86_400)
  X509_gmtime_adj(X509_getm_notAfter(certificate), endDays * 86_400)
  let name = X509_get_subject_name(certificate)
  for part in subject.split(separator: ",") {
    let pair = part.split(separator: "=", maxSplits: 1)
    let value = Array(pair[1].utf8)
    X509_NAME_add_entry_by_txt(name, String(pair[0]), MBSTRING_UTF8, value, Int32(value.count), -1, 0)
  }
  X509_set_issuer_name(certificate, issuer ?? name)
  X509_set_pubkey(certificate, key)
  return certificate
}

private func extend(
  _ certificate: OpaquePointer, _ issuer: OpaquePointer, _ extensions: [(Int32, String)]
) throws {
  var context = X509V3_CTX()
  X509V3_set_ctx(&context, issuer, certificate, nil, nil, 0)
  for (kind, value) in extensions {
    let made = try made(X509V3_EXT_conf_nid(nil, &context, kind, value), value)
    X509_add_ext(certificate, made, -1)
    X509_EXTENSION_free(made)
  }
}
