internal import COpenSSL

/// Who a client has proven to be: the certificate that was verified in its handshake, or in the one that began
/// a resumed session.
public struct PeerIdentity: Sendable, Equatable {
  /// The certificate as DER.
  public let certificate: [UInt8]
  /// Its subject as in RFC 4514, printable ASCII only; empty when it has none.
  public let subject: String
  /// Its alternative names, `DNS:`, `URI:`, `email:` or `IP:` in front of each. Names with anything but printable
  /// ASCII in them are left out, because they are no names.
  public let names: [String]

  /// What a log line calls it: the subject, else the first name.
  public var label: String { subject.isEmpty ? names.first ?? "" : subject }

  /// The most names that are told.
  public static let maximumNames = 100
}

extension Session {
  /// The client's verified certificate; nil when there is none, or when nothing was verified.
  public var verifiedPeer: PeerIdentity? {
    guard unsafe SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER != 0,
      unsafe SSL_get_verify_result(ssl) == Int(X509_V_OK),
      let leaf = unsafe SSL_get0_peer_certificate(ssl)
    else { return nil }
    var der: UnsafeMutablePointer<UInt8>?
    let length = unsafe i2d_X509(leaf, &der)
    defer { unsafe certd_OPENSSL_free(der) }
    guard length > 0, let der = unsafe der else { return nil }
    return unsafe PeerIdentity(
      certificate: Array(UnsafeBufferPointer(start: der, count: Int(length))),
      subject: X509Text.name(X509_get_subject_name(leaf)), names: X509Text.alternativeNames(leaf))
  }
}

/// Names of certificates in words.
enum X509Text {
  /// A distinguished name as in RFC 4514, everything but printable ASCII escaped.
  static func name(_ name: OpaquePointer?) -> String {
    guard let name = unsafe name, let bio = unsafe BIO_new(BIO_s_mem()) else { return "" }
    defer { unsafe BIO_free_all(bio) }
    guard unsafe X509_NAME_print_ex(bio, name, 0, certd_XN_FLAGS_ascii()) >= 0 else { return "" }
    var start: UnsafeMutablePointer<CChar>?
    let count = unsafe certd_BIO_get_mem_data(bio, &start)
    guard count > 0, let start = unsafe start else { return "" }
    return unsafe String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
  }

  static func alternativeNames(_ certificate: OpaquePointer) -> [String] {
    guard let names = unsafe X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else {
      Failure.clear()
      return []
    }
    let stack = OpaquePointer(names)
    defer { unsafe GENERAL_NAMES_free(stack) }
    let count = unsafe min(certd_sk_GENERAL_NAME_num(stack), Int32(PeerIdentity.maximumNames))
    return (0..<max(0, count)).compactMap { index in
      unsafe certd_sk_GENERAL_NAME_value(stack, index).flatMap { unsafe alternativeName($0) }
    }
  }

  private static func alternativeName(_ name: UnsafeMutablePointer<GENERAL_NAME>) -> String? {
    var type: Int32 = -1
    guard let value = unsafe GENERAL_NAME_get0_value(name, &type) else { return nil }
    let prefix: String
    switch type {
    case GEN_DNS: prefix = "DNS:"
    case GEN_URI: prefix = "URI:"
    case GEN_EMAIL: prefix = "email:"
    case GEN_IPADD: prefix = "IP:"
    default: return nil
    }
    // The value of these four types is a string of bytes.
    let text = unsafe UnsafePointer(value.assumingMemoryBound(to: ASN1_STRING.self))
    guard let start = unsafe ASN1_STRING_get0_data(text) else { return nil }
    let bytes = unsafe UnsafeBufferPointer(start: start, count: Int(max(0, ASN1_STRING_length(text))))
    if type == GEN_IPADD { return unsafe address(bytes).map { prefix + $0 } }
    guard !bytes.isEmpty, unsafe bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
    return unsafe prefix + String(decoding: bytes, as: UTF8.self)
  }

  private static func address(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
    switch bytes.count {
    case 4: return unsafe bytes.map { String($0) }.joined(separator: ".")
    case 16:
      let words = stride(from: 0, to: 16, by: 2).map { unsafe UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
      return words.map { String($0, radix: 16) }.joined(separator: ":")
    default: return nil
    }
  }
}
