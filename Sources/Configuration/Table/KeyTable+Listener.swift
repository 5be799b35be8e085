extension KeyTable {
  /// What a listener may say about TLS.
  static let listenerTLS: [Key] = [
    Key(
      "listeners[].tls", .choiceOrSection(Listener.TLSProfile.allCases.map(\.rawValue)),
      .described("`modern`, or `off` with `redirect`"),
      "`modern` is TLS 1.2 and 1.3 with forward secrecy and AEAD ciphers (Mozilla's \"intermediate\"); "
        + "`compatible` adds CBC ciphers for old clients; `restricted` is TLS 1.3 alone (Mozilla's \"modern\"); "
        + "`custom` is a section as below; `off` is plain HTTP. All prefer the hybrid post-quantum key exchange "
        + "`X25519MLKEM768` where OpenSSL has it (3.5 and later)."),
    Key(
      "listeners[].tls.profile", .choice(Listener.TLSProfile.allCases.map(\.rawValue), reserved: []),
      .value("modern"), "As the word alone; `custom` takes its algorithms from the keys beside it."),
    Key(
      "listeners[].tls.minimum_version", .choice(["TLSv1.2", "TLSv1.3"], reserved: []),
      .described("`TLSv1.2`"), "The oldest version that is accepted. Older ones are broken and not offered."),
    Key(
      "listeners[].tls.ciphers", .list(of: .text(.cipher), maximumCount: 64), .described("those of `modern`"),
      "TLS 1.2 cipher suites, best first, by IANA's or OpenSSL's names (see the table of algorithms)."),
    Key(
      "listeners[].tls.cipher_suites", .list(of: .text(.cipherSuite), maximumCount: 16),
      .described("those of `modern`"), "TLS 1.3 cipher suites, best first."),
    Key(
      "listeners[].tls.groups", .list(of: .text(.group), maximumCount: 16), .described("those of `modern`"),
      "Key exchange groups, best first. Hybrid ones that the linked OpenSSL lacks are left out; one must "
        + "remain. In TLS 1.2 they are also the curves that a client's ECDSA key may have."
    ),
    Key(
      "listeners[].client_certificates", .section, .described("none is asked for"),
      "Clients prove who they are by certificates (mutual TLS). Backends are told by `Client-Cert` (RFC 9440), "
        + "the access log by `identity`."),
    Key(
      \ClientCertificates.mode, "listeners[].client_certificates.mode",
      .choice(of: ClientCertificates.Mode.self),
      "`require` lets nobody in without a certificate that verifies; `request` lets clients in that show none, "
        + "without an identity; `off` asks for none."),
    Key(
      \ClientCertificates.ca, "listeners[].client_certificates.ca", .list(of: .text(.path), maximumCount: 64),
      .described("required unless `mode` is `off`"),
      "PEM files of the authorities that clients' certificates must lead to; each certificate in them is trusted."
    ),
    Key(
      \ClientCertificates.crl, "listeners[].client_certificates.crl",
      .list(of: .text(.path), maximumCount: 64),
      .described("revocation is not looked at"),
      "Files of revocation lists, PEM or DER. With any of them, the issuer of every client's certificate must "
        + "have a list here that has not expired, else its clients are refused."),
    Key(
      \ClientCertificates.names, "listeners[].client_certificates.names", .boolean,
      "Also send backends `X-Client-Cert-Subject` and `X-Client-Cert-SAN`."),
    Key(
      \Listener.earlyData, "listeners[].early_data", .boolean,
      "Takes GET, HEAD and OPTIONS requests that returning clients send before the handshake is over (TLS 1.3 "
        + "0-RTT), and marks them with `Early-Data: 1` (RFC 8470). Others wait for the handshake."),
  ]
}
