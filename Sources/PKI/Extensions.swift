internal import COpenSSL

/// The X.509 extensions that we write.
struct ExtensionValue {
  let nid: Int32
  /// In place of `nid` for what OpenSSL has no number for.
  var oid: String?
  let isCritical: Bool
  let der: [UInt8]

  static func subjectAlternativeName(_ identifiers: [Identifier], isCritical: Bool) -> Self {
    Self(nid: NID_subject_alt_name, isCritical: isCritical, der: DER.generalNames(identifiers))
  }
  static func basicConstraints(isCA: Bool) -> Self {
    Self(
      nid: NID_basic_constraints, isCritical: true, der: isCA ? DER.sequence(DER.yes) : DER.sequence())
  }
  /// Named bits of RFC 5280 §4.2.1.3, most significant first.
  static func keyUsage(_ bits: UInt8) -> Self {
    Self(nid: NID_key_usage, isCritical: true, der: DER.bits(bits))
  }
  /// id-kp-serverAuth, 1.3.6.1.5.5.7.3.1.
  static var serverAuthentication: Self {
    let purpose = DER.object([0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01])
    return Self(nid: NID_ext_key_usage, isCritical: false, der: DER.sequence(purpose))
  }
  static func subjectKeyIdentifier(_ identifier: [UInt8]) -> Self {
    Self(nid: NID_subject_key_identifier, isCritical: false, der: DER.octetString(identifier))
  }
  static func authorityKeyIdentifier(_ identifier: [UInt8]) -> Self {
    Self(
      nid: NID_authority_key_identifier, isCritical: false, der: DER.sequence(DER.tagged(0x80, identifier)))
  }

  /// id-pe-acmeIdentifier, 1.3.6.1.5.5.7.1.31 (RFC 8737 §3).
  static func acmeIdentifier(_ digest: [UInt8]) -> Self {
    Self(nid: 0, oid: "1.3.6.1.5.5.7.1.31", isCritical: true, der: DER.octetString(digest))
  }

  /// Lends the value as OpenSSL's object.
  func with<R>(_ body: (OpaquePointer) throws(PKIError) -> R) throws(PKIError) -> R {
    let what = "making a certificate extension"
    let data = try unsafe made(ASN1_OCTET_STRING_new(), what)
    defer { unsafe ASN1_OCTET_STRING_free(data) }
    try unsafe succeeded(ASN1_OCTET_STRING_set(data, der, Int32(der.count)), what)
    let object = unsafe oid.flatMap { unsafe OBJ_txt2obj($0, 1) }
    defer { unsafe ASN1_OBJECT_free(object) }
    let critical: Int32 = isCritical ? 1 : 0
    let fresh =
      if let object = unsafe object {
        unsafe X509_EXTENSION_create_by_OBJ(nil, object, critical, data)
      } else {
        unsafe X509_EXTENSION_create_by_NID(nil, nid, critical, data)
      }
    let made = try unsafe PKI.made(fresh, what)
    defer { unsafe X509_EXTENSION_free(made) }
    return try unsafe body(made)
  }
}
