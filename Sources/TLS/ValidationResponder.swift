internal import COpenSSL

/// Answers a CA's TLS-ALPN-01 validation (RFC 8737): a client that offers nothing but `acme-tls/1` for a name under
/// validation is shown that challenge's certificate and nothing else.
enum ValidationResponder {
  /// `acme-tls/1` (RFC 8737 §6.2).
  private static let protocolName: StaticString = "acme-tls/1"

  /// Marks connections of validators.
  private static let index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, nil, nil, nil, nil)

  /// Whether this is a validator's connection that has got its certificate.
  static func isValidation(_ ssl: OpaquePointer) -> Bool {
    unsafe index >= 0 && SSL_get_ex_data(ssl, index) != nil
  }

  /// Looks at every ClientHello before a certificate is chosen; done once per context.
  static func install(in context: OpaquePointer) {
    unsafe SSL_CTX_set_client_hello_cb(
      context,
      { ssl, _, _ in
        guard let ssl = unsafe ssl, ValidationResponder.index >= 0,
          unsafe ValidationResponder.offersOnlyValidation(ssl),
          let name = unsafe ValidationResponder.serverName(ssl),
          let credential = unsafe ContextData.of(SSL_get_SSL_CTX(ssl))?.validation?(name)
        else { return SSL_CLIENT_HELLO_SUCCESS }
        do throws(ContextError) { try unsafe credential.load(intoSession: ssl) } catch {
          Failure.clear()
          return SSL_CLIENT_HELLO_SUCCESS
        }
        unsafe SSL_set_ex_data(ssl, ValidationResponder.index, UnsafeMutableRawPointer(bitPattern: 1))
        // The CA has no client certificate to show.
        unsafe SSL_set_verify(ssl, SSL_VERIFY_NONE, nil)
        return SSL_CLIENT_HELLO_SUCCESS
      }, nil)
  }

  /// Answers with the only protocol offered.
  static func select(
    _ out: UnsafeMutablePointer<UnsafePointer<UInt8>?>, _ length: UnsafeMutablePointer<UInt8>?
  ) -> Int32 {
    unsafe out.pointee = unsafe protocolName.utf8Start
    unsafe length?.pointee = UInt8(protocolName.utf8CodeUnitCount)
    return SSL_TLSEXT_ERR_OK
  }

  /// The extension's value is a list of exactly this one name (RFC 8737 §3, RFC 7301 §3.1).
  private static func offersOnlyValidation(_ ssl: OpaquePointer) -> Bool {
    guard let value = unsafe value(of: TLSEXT_TYPE_application_layer_protocol_negotiation, ssl) else {
      return false
    }
    let length = protocolName.utf8CodeUnitCount
    guard value.count == length + 3, value[0] == 0, value[1] == length + 1, value[2] == length else {
      return false
    }
    return unsafe value[3...].elementsEqual(UnsafeBufferPointer(start: protocolName.utf8Start, count: length))
  }

  /// The one host name of the extension (RFC 6066 §3), lower-case.
  private static func serverName(_ ssl: OpaquePointer) -> String? {
    guard let value = unsafe value(of: TLSEXT_TYPE_server_name, ssl), value.count > 5, value[2] == 0 else {
      return nil
    }
    let length = Int(value[3]) << 8 | Int(value[4])
    guard Int(value[0]) << 8 | Int(value[1]) == value.count - 2, length == value.count - 5, length <= 255
    else {
      return nil
    }
    return String(decoding: value[5...], as: UTF8.self).lowercased()
  }

  private static func value(of type: Int32, _ ssl: OpaquePointer) -> [UInt8]? {
    var bytes: UnsafePointer<UInt8>?
    var count = 0
    guard unsafe SSL_client_hello_get0_ext(ssl, UInt32(type), &bytes, &count) == 1, let bytes = unsafe bytes
    else {
      return nil
    }
    return unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
  }
}
