internal import Bytes
internal import COpenSSL

/// Reads the parts of a parsed certificate out of OpenSSL's structures; borrows its handle.
@safe struct CertificateReader {
  let handle: OpaquePointer
  /// The most names that are read of one certificate.
  private static let maximumIdentifiers = 1000

  func oneLine(_ name: OpaquePointer?) throws(PKIError) -> String {
    guard let name = unsafe name else { return "" }
    let text = try unsafe printed(
      "reading a distinguished name", limitInBytes: Certificate.maximumDERBytes * 4
    ) {
      unsafe X509_NAME_print_ex($0, name, 0, certd_XN_FLAGS_one_line())
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The first common name that is plain text; control characters disqualify it.
  var commonName: String? {
    guard let name = unsafe X509_get_subject_name(handle) else { return nil }
    let index = unsafe X509_NAME_get_index_by_NID(name, NID_commonName, -1)
    guard index >= 0, let entry = unsafe X509_NAME_get_entry(name, index) else { return nil }
    var utf8: UnsafeMutablePointer<UInt8>?
    let count = unsafe ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry))
    guard count > 0, let utf8 = unsafe utf8 else { return nil }
    defer { unsafe certd_OPENSSL_free(utf8) }
    let text = unsafe UnsafeBufferPointer(start: utf8, count: Int(count))
    guard unsafe text.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
    return unsafe String(decoding: text, as: UTF8.self)
  }

  /// DNS names and addresses of the subject alternative name (RFC 5280 §4.2.1.6).
  var identifiers: [Identifier] {
    guard let names = unsafe X509_get_ext_d2i(handle, NID_subject_alt_name, nil, nil) else { return [] }
    let stack = OpaquePointer(names)
    defer { unsafe GENERAL_NAMES_free(stack) }
    var out: [Identifier] = []
    for index in unsafe 0..<max(0, min(certd_sk_GENERAL_NAME_num(stack), Int32(Self.maximumIdentifiers))) {
      guard let name = unsafe certd_sk_GENERAL_NAME_value(stack, index) else { continue }
      var type: Int32 = -1
      guard let value = unsafe GENERAL_NAME_get0_value(name, &type) else { continue }
      let content = unsafe bytes(
        of: UnsafePointer(value.assumingMemoryBound(to: ASN1_STRING.self)), unless: type)
      switch type {
      case GEN_DNS:
        guard content.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
          case .dns(let text)? = Identifier(String(decoding: content, as: UTF8.self))
        else { continue }
        out.append(.dns(text))
      case GEN_IPADD where content.count == 4 || content.count == 16: out.append(.ip(content))
      default: continue
      }
    }
    return out
  }

  /// The string behind a general name, only for the two types whose value is one.
  private func bytes(of string: UnsafePointer<ASN1_STRING>, unless type: Int32) -> [UInt8] {
    unsafe type == GEN_DNS || type == GEN_IPADD ? PKI.bytes(of: string) : []
  }

  func time(_ value: UnsafePointer<ASN1_TIME>?) throws(PKIError) -> UnixTime {
    let what = "reading a certificate's validity"
    let generalized = try unsafe made(ASN1_TIME_to_generalizedtime(value, nil), what)
    defer { unsafe ASN1_STRING_free(generalized) }
    let text = unsafe PKI.bytes(of: generalized)
    func number(_ range: Range<Int>) -> Int64? { Int64(String(decoding: text[range], as: UTF8.self)) }
    guard text.count == 15, text[14] == 0x5A, text[..<14].allSatisfy({ (0x30...0x39).contains($0) }),
      let year = number(0..<4), let month = number(4..<6), let day = number(6..<8),
      let hour = number(8..<10), let minute = number(10..<12), let second = number(12..<14),
      let time = UnixTime(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
    else { throw PKIError(what: what, reason: "not a time that RFC 5280 allows") }
    return time
  }

  /// The content of the serial number's INTEGER, sign byte included.
  func serial() throws(PKIError) -> [UInt8] {
    let what = "reading a certificate's serial number"
    let integer = try unsafe made(X509_get0_serialNumber(handle), what)
    let element = try unsafe encoded(what) { unsafe i2d_ASN1_INTEGER(integer, $0) }
    guard element.count > 2, element[1] < 0x80 else { throw PKIError(what: what, reason: "too long") }
    return Array(element[2...])
  }

  func publicKeyInfo() throws(PKIError) -> [UInt8] {
    let key = try unsafe made(X509_get0_pubkey(handle), "reading a certificate's public key")
    return try unsafe encoded("reading a certificate's public key") { unsafe i2d_PUBKEY(key, $0) }
  }

  func keyTypeDescription() throws(PKIError) -> String {
    let key = try unsafe made(X509_get0_pubkey(handle), "reading a certificate's public key")
    if unsafe EVP_PKEY_is_a(key, "RSA") == 1 { return unsafe "RSA \(EVP_PKEY_get_bits(key))" }
    switch unsafe groupName(of: key) {
    case "prime256v1", "P-256": return "ECDSA P-256"
    case "secp384r1", "P-384": return "ECDSA P-384"
    case let name?: return "ECDSA \(name)"
    case nil: return unsafe EVP_PKEY_get0_type_name(key).map { unsafe String(cString: $0) } ?? "unknown"
    }
  }

  var authorityKeyIdentifier: [UInt8]? { unsafe nonEmpty(X509_get0_authority_key_id(handle)) }
  var subjectKeyIdentifier: [UInt8]? { unsafe nonEmpty(X509_get0_subject_key_id(handle)) }

  private func nonEmpty(_ string: UnsafePointer<ASN1_OCTET_STRING>?) -> [UInt8]? {
    let content = unsafe PKI.bytes(of: string)
    return content.isEmpty ? nil : content
  }
}
