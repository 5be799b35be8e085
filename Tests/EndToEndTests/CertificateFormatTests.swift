import EndToEnd
import PKI
import TestRun
import Testing

/// Files as people bring them: read, or named for what they are with the command that mends them.
@Suite(.ownThread) struct CertificateFormatTests {
  private static let p12 = "openssl pkcs12 -export -in site.crt -inkey site.key -out new"

  /// What is made of `site.crt` and `site.key`, the keys of the entry, and what `certd check` says; nil for nothing.
  static let table: [(String, String, String?)] = [
    ("cp site.crt new", "cert: new, key: site.key", nil),
    ("cat site.key site.crt > new", "cert: new", nil),
    ("cat site.crt site.key > new", "cert: new, key: new", nil),
    ("{ printf '\\357\\273\\277'; cat site.crt; } > new", "cert: new, key: site.key", nil),
    ("sed 's/$/\\r/' site.crt > new", "cert: new, key: site.key", nil),
    ("tr -d '\\n' < site.crt > new", "cert: new, key: site.key", nil),
    (
      "{ echo 'Bag Attributes'; echo '    localKeyID: 01'; cat site.crt; } > new", "cert: new, key: site.key",
      nil
    ),
    ("sed 's/CERTIFICATE/X509 CERTIFICATE/' site.crt > new", "cert: new, key: site.key", nil),
    ("openssl x509 -in site.crt -trustout -out new", "cert: new, key: site.key", nil),
    ("openssl x509 -in site.crt -outform DER -out new", "cert: new, key: site.key", nil),
    ("openssl pkey -in site.key -outform DER -out new", "cert: site.crt, key: new", nil),
    ("openssl crl2pkcs7 -nocrl -certfile site.crt -out new", "cert: new, key: site.key", nil),
    ("openssl crl2pkcs7 -nocrl -certfile site.crt -outform DER -out new", "cert: new, key: site.key", nil),
    ("\(p12) -passout pass:", "cert: new", nil),
    (
      "\(p12) -passout pass:secret", "cert: new",
      "it is a PKCS#12 file with a password: name its password_file"
    ),
    ("echo secret > word; \(p12) -passout pass:secret", "cert: new, password_file: word", nil),
    (
      "echo wrong > word; \(p12) -passout pass:secret", "cert: new, password_file: word",
      "it is a PKCS#12 file that the password of password_file does not open"
    ),
    (
      "openssl pkey -in site.key -aes256 -passout pass:secret -out new", "cert: site.crt, key: new",
      "the private key is encrypted: name its password_file, or store it without a passphrase"
    ),
    (
      "echo secret > word; openssl pkey -in site.key -aes256 -passout pass:secret -out new",
      "cert: site.crt, key: new, password_file: word", nil
    ),
    (
      "cat site.crt site.crt > new", "cert: new, key: site.key",
      "warning: a certificate stands in it twice: sent once"
    ),
    (
      "cat files-root.pem site.crt > new", "cert: new, key: site.key",
      "warning: a certificate stands in it twice: sent once"
    ),
    (
      "cat other.crt site.crt > new", "cert: new, key: site.key",
      "does not belong to the chain of the leaf: not sent"
    ),
    ("iconv -f UTF-8 -t UTF-16 site.crt > new", "cert: new, key: site.key", "it is UTF-16 text; try: iconv"),
    (
      "iconv -f UTF-8 -t UTF-16LE site.crt > new", "cert: new, key: site.key", "it is UTF-16 text; try: iconv"
    ),
    (
      "openssl req -new -key site.key -subj /CN=a -out new", "cert: new, key: site.key",
      "it is a certificate signing request (CSR), not a certificate"
    ),
    (
      "sed ':a;N;$!ba;s/\\n/\\\\n/g' site.crt > new", "cert: new, key: site.key",
      "its line ends are written out as \\n; try: printf"
    ),
    ("cp site.crt new", "cert: site.key, key: new", "exchange cert and key"),
    ("cp site.crt new", "cert: new", "there is no private key in"),
    ("cp site.crt new", "cert: new, key: other.key", "does not belong to the certificate in"),
    (": > new", "cert: new, key: site.key", "it is empty"),
    ("head -c 300 site.crt > new", "cert: new, key: site.key", "block 1 (CERTIFICATE) is cut off"),
    ("echo hello > new", "cert: new, key: site.key", "there is no certificate in it, neither PEM nor DER"),
    (
      "openssl x509 -in site.crt -outform DER | head -c 200 > new", "cert: new, key: site.key",
      "it may be cut off"
    ),
  ]

  @Test("every form is read or named", arguments: table)
  func forms(_ command: String, _ entry: String, _ said: String?) async throws {
    let place = try Place()
    let authority = try TestCertificates(place, "files")
    _ = try authority.issue(["a.example.com"], called: "site")
    _ = try authority.issue(["b.example.com"], called: "other")
    let made = try await place.run(["sh", "-c", command], called: "sh")
    #expect(made.ending == .exited(0), "\(made.errors)")
    try place.write(
      "certd.yaml",
      """
      store: store
      listeners: [{address: "127.0.0.1:0"}]
      certificates: [{\(entry)}]
      routes: [{hosts: [a.example.com], service: a}]
      services: {a: {backends: ["127.0.0.1:1"]}}
      """)
    let check = try await Certd(place)("check", "--config", place("certd.yaml"))
    guard let said else {
      #expect(check.ending == .exited(0) && check.errors.isEmpty, "\(check.errors)")
      return
    }
    let isWarning = said.hasPrefix("warning: ") || said.hasSuffix("not sent")
    #expect(check.ending == .exited(isWarning ? 0 : 2), "\(check.errors)")
    let words = said.replacing("warning: ", with: "")
    #expect(check.errors.contains(words), "\(check.errors)")
  }

  @Test("one pair that cannot be used stops nothing: the other is renewed, reloaded and served at the start")
  func oneBroken() async throws {
    let place = try Place()
    let authority = try TestCertificates(place, "files")
    let a = try authority.issue(["a.example.com"], called: "a")
    let b = try authority.issue(["b.example.com"], called: "b")
    let file = try place.write(
      "certd.yaml",
      """
      store: store
      listeners: [{address: "127.0.0.1:0"}]
      certificates: [{cert: "\(a.certificate)", key: "\(a.key)"}, {cert: "\(b.certificate)", key: "\(b.key)"}]
      routes: [{hosts: [a.example.com, b.example.com], service: a}]
      services: {a: {backends: ["127.0.0.1:1"]}}
      """)
    var daemon = try await Certd(place).run(["--config", file])
    let (first, second) = (try await daemon.leaf("a.example.com"), try await daemon.leaf("b.example.com"))
    try place.write("b.crt", "")
    _ = try authority.issue(["a.example.com"], called: "a")
    try await eventually("the new certificate: \(daemon.log)") {
      try await daemon.leaf("a.example.com").serialHex != first.serialHex
    }
    #expect(try await daemon.leaf("b.example.com").serialHex == second.serialHex)
    daemon.child.signal(1)
    try await daemon.logged("configuration reloaded")
    #expect(try await daemon.leaf("b.example.com").serialHex == second.serialHex)
    #expect(try await daemon.stop() == .exited(0))
    daemon = try await Certd(place).run(["--config", file])
    _ = try await daemon.leaf("a.example.com")
    #expect(daemon.log.contains("b.crt: it is empty"))
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("what has been obtained goes on being renewed beside a pair that cannot be used")
  func renewalGoesOn() async throws {
    let place = try Place()
    try place.write("b.crt", "")
    try place.write("b.key", "")
    let text = """
      store: store
      acme: {issuers: [local]}
      listeners: [{address: "127.0.0.1:0"}]
      routes: [{hosts: [a.example.com, b.example.com], service: a}]
      services: {a: {backends: ["127.0.0.1:1"]}}

      """
    let file = try place.write("certd.yaml", text)
    let certd = try Certd(place)
    let first = try await certd("renew", "--no-delay", "--name", "a.example.com", "--config", file)
    #expect(first.ending == .exited(0), "\(first)")
    try place.write("certd.yaml", text + "certificates: [{cert: b.crt, key: b.key}]\n")
    let again = try await certd("renew", "--no-delay", "--force", "--config", file)
    #expect(again.ending == .exited(0), "\(again)")
    #expect(again.output.contains("a.example.com") && !again.output.contains("b.example.com"), "\(again)")
  }
}
