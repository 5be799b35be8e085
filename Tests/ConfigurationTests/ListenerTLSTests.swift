import TestRun
import Testing

@testable import Configuration

@Suite("TLS of listeners and towards backends", .ownThread)
struct ListenerTLSTests {
  private func listener(_ tls: String) throws -> Listener {
    try #require(try configuration("listeners: [{address: ':443', \(tls)}]").listeners.first)
  }

  @Test(
    "a profile is a word or a section",
    arguments: [
      ("tls: modern", .modern), ("tls: compatible", .compatible), ("tls: restricted", .restricted),
      ("tls: custom", .custom), ("tls: off", .off), ("tls: {profile: restricted}", .restricted),
      ("tls: {profile: off}", .off), ("tls: {}", .modern), ("redirect: https, tls: {profile: off}", .off),
    ] as [(String, Listener.TLSProfile)])
  func profiles(_ text: String, _ profile: Listener.TLSProfile) throws {
    let other = "{address: ':8443'}"
    let all = try configuration("listeners: [{address: ':443', \(text)}, \(other)]").listeners
    #expect(all.first?.tls == profile)
    #expect((all.first?.customTLS != nil) == (profile == .custom && text.contains("{")))
  }

  @Test("algorithms are known by IANA's and OpenSSL's names, and keep their order")
  func custom() throws {
    let custom = try #require(
      try listener(
        """
        tls: {profile: custom, minimum_version: TLSv1.2,
        ciphers: [ECDHE-RSA-AES256-GCM-SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA],
        cipher_suites: [TLS_AES_256_GCM_SHA384], groups: [P-384, X25519MLKEM768, prime256v1, secp521r1]}
        """
      ).customTLS)
    #expect(custom.allowsTLS12)
    #expect(custom.ciphers == ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA"])
    #expect(custom.cipherSuites == ["TLS_AES_256_GCM_SHA384"])
    #expect(custom.groups == ["P-384", "X25519MLKEM768", "P-256", "P-521"])
    let least = try #require(try listener("tls: {profile: custom, minimum_version: TLSv1.3}").customTLS)
    #expect(!least.allowsTLS12)
    #expect(least.ciphers == nil && least.cipherSuites == nil && least.groups == nil)
  }

  @Test("clients' certificates and early data are as written")
  func clients() throws {
    #expect(try listener("tls: modern").clientCertificates == nil)
    #expect(try listener("client_certificates: {mode: off}").clientCertificates == nil)
    let clients = try #require(
      try listener("client_certificates: {ca: [ca.pem, /a/b.pem], crl: [crl.der], names: true}")
        .clientCertificates)
    #expect(clients.mode == .require)
    #expect(clients.ca.map(\.value) == ["/etc/certd/ca.pem", "/a/b.pem"])
    #expect(clients.crl.map(\.value) == ["/etc/certd/crl.der"])
    #expect(clients.names)
    #expect(
      try listener("client_certificates: {mode: request, ca: [ca.pem]}").clientCertificates?.mode == .request)
    #expect(try listener("early_data: true").earlyData)
    #expect(try !listener("tls: modern").earlyData)
  }

  @Test("a certificate towards backends is two files")
  func identity() throws {
    let services = "services: {a: {backends: ['https://h:1'], tls: {cert: a.pem, key: /b/a.key}}}"
    let files = try configuration(services).services.first?.tls.identity
    #expect(files?.certificate == "/etc/certd/a.pem")
    #expect(files?.key == "/b/a.key")
    #expect(
      errors("services: {a: {backends: ['https://h:1'], tls: {cert: a.pem}}}") == [
        #"certd.yaml:1:48: services.a.tls: the key "key" is missing beside "cert""#
      ])
  }

  static let table: [(tls: String, error: String)] = [
    ("tls: moderm", #"1:36: listeners[0].tls: "moderm" is not known; did you mean "modern"?"#),
    ("tls: [modern]", "1:36: listeners[0].tls: expected a single value, found a list"),
    ("tls: {profle: custom}", #"1:37: listeners[0].tls.profle: unknown key; did you mean "profile"?"#),
    (
      "tls: {profile: costum}",
      #"1:46: listeners[0].tls.profile: "costum" is not known; did you mean "custom"?"#
    ),
    (
      "tls: {groups: [X25519]}",
      "1:45: listeners[0].tls.groups: goes with profile: custom only; write profile: custom or remove it"
    ),
    (
      "tls: {profile: custom, minimum_version: TLSv1.1}",
      #"1:71: listeners[0].tls.minimum_version: "TLSv1.1" is not known; did you mean "TLSv1.2"?"#
    ),
    (
      "tls: {profile: custom, ciphers: [ECDHE-RSA-AES128-GCM-SHA265]}",
      #"1:64: listeners[0].tls.ciphers[0]: "ECDHE-RSA-AES128-GCM-SHA265" is no TLS 1.2 cipher suite; "#
        + #"did you mean "ECDHE-RSA-AES128-GCM-SHA256"?"#
    ),
    (
      "tls: {profile: custom, ciphers: [TLS_RSA_WITH_AES_128_CBC_SHA]}",
      #"1:64: listeners[0].tls.ciphers[0]: "TLS_RSA_WITH_AES_128_CBC_SHA" is not offered; only ECDHE suites are: "#
        + "forward secrecy, without weak groups"
    ),
    (
      "tls: {profile: custom, cipher_suites: [TLS_AES_128_GCM]}",
      #"1:70: listeners[0].tls.cipher_suites[0]: "TLS_AES_128_GCM" is no TLS 1.3 cipher suite; "#
        + #"did you mean "TLS_AES_128_GCM_SHA256"?"#
    ),
    (
      "tls: {profile: custom, groups: [x25519]}",
      #"1:63: listeners[0].tls.groups[0]: "x25519" is no key exchange group; did you mean "X25519"?"#
    ),
    (
      "tls: {profile: custom, groups: [P-256, secp256r1]}",
      "1:70: listeners[0].tls.groups[1]: stands twice"
    ),
    ("tls: {profile: custom, groups: []}", "1:62: listeners[0].tls.groups: the list is empty"),
    (
      "tls: {profile: custom, minimum_version: TLSv1.3, ciphers: [ECDHE-RSA-AES128-GCM-SHA256]}",
      "1:89: listeners[0].tls.ciphers: are for TLS 1.2, which minimum_version excludes; remove them, or name "
        + "cipher_suites"
    ),
    (
      "client_certificates: {mode: require}",
      #"1:52: listeners[0].client_certificates: the key "ca" is missing; name the authorities whose clients are "#
        + "let in"
    ),
    (
      "client_certificates: {mode: requires, ca: [a]}",
      #"1:59: listeners[0].client_certificates.mode: "requires" is not known; did you mean "require"?"#
    ),
    ("client_certificates: {ca: []}", "1:57: listeners[0].client_certificates.ca: the list is empty"),
    (
      "tls: off, client_certificates: {ca: [a]}",
      "1:62: listeners[0].client_certificates: clients show certificates over TLS only; remove it, or give the "
        + "listener tls"
    ),
    (
      "tls: off, early_data: true",
      "1:53: listeners[0].early_data: there is early data with TLS only; remove it"
    ),
    (
      "early_data: true, client_certificates: {ca: [a]}",
      "1:43: listeners[0].early_data: does not go with client_certificates; what comes before the handshake's end "
        + "may be a copy: it proves nobody's identity"
    ),
  ]

  @Test("the error says where, what and what to write instead", arguments: table.indices)
  func told(index: Int) {
    let row = Self.table[index]
    #expect(errors("listeners: [{address: ':443', \(row.tls)}]") == ["certd.yaml:\(row.error)"])
  }
}
