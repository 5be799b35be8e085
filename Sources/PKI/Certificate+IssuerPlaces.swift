internal import COpenSSL

extension Certificate {
  /// The most places that are read.
  static let maximumIssuerURLs = 4

  /// Where its issuer's certificate can be fetched, by its own account: the caIssuers of its authority information
  /// access (RFC 5280 §4.2.2.1), in their order. Whoever fetches there has to see whether the issuer is the right one.
  public var issuerURLs: [String] {
    defer { ERR_clear_error() }
    return unsafe withHandle { handle in
      guard let value = unsafe X509_get_ext_d2i(handle, NID_info_access, nil, nil) else { return [] }
      let access = OpaquePointer(value)
      defer { unsafe AUTHORITY_INFO_ACCESS_free(access) }
      let count = unsafe min(certd_sk_ACCESS_DESCRIPTION_num(access), 64)
      var urls: [String] = []
      for index in 0..<max(0, count) where urls.count < Self.maximumIssuerURLs {
        guard let uri = unsafe certd_ca_issuers_uri(access, index) else { continue }
        let text = unsafe String(decoding: PKI.bytes(of: uri), as: UTF8.self)
        if text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) { urls.append(text) }
      }
      return urls
    }
  }
}
