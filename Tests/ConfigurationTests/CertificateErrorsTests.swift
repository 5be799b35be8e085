import TestRun
import Testing

@testable import Configuration

@Suite("Errors of issuers and certificates", .ownThread)
struct CertificateErrorsTests {
  static let table: [(file: String, errors: [String])] = [
    (
      "acme: {email: nobody}",
      [#"1:15: acme.email: "nobody" is no mail address; write ops@example.com"#]
    ),
    (
      "acme: {agree_tos: yes}",
      [#"1:19: acme.agree_tos: "yes" is neither true nor false"#]
    ),
    (
      "acme: {agree_tos: \"true\"}",
      [#"1:19: acme.agree_tos: "true" is a text; remove the quotes"#]
    ),
    (
      "acme: {issuers: []}",
      [#"1:17: acme.issuers: the list is empty"#]
    ),
    (
      "acme: {agree_tos: true, issuers: [letsencript]}",
      [#"1:35: acme.issuers[0]: "letsencript" is no known issuer; did you mean "letsencrypt"?"#]
    ),
    (
      "acme: {agree_tos: true, issuers: [corp]}",
      [
        #"1:35: acme.issuers[0]: "corp" is no known issuer; write letsencrypt, letsencrypt-staging, "#
          + #"google, zerossl or local, or {directory: URL}"#
      ]
    ),
    (
      "acme: {issuers: [https://ca.example/dir]}",
      [#"1:18: acme.issuers[0]: "https://ca.example/dir" is no known issuer; write {directory: URL}"#]
    ),
    (
      "acme: {agree_tos: true, issuers: [google]}",
      [
        #"1:35: acme.issuers[0]: Google's public CA gives keys to projects, and no project is named; add "#
          + #"gcp: {project: NAME}, set GOOGLE_CLOUD_PROJECT beside flags, or write {name: google, eab: "#
          + #"{kid: ..., key_file: ...}}"#
      ]
    ),
    (
      "acme: {agree_tos: true, issuers: [{name: zerossl}]}",
      [
        #"1:35: acme.issuers[0]: ZeroSSL gives keys to mail addresses, and none is named; set acme.email, or "#
          + #"write {name: zerossl, eab: {kid: ..., key_file: ...}}"#
      ]
    ),
    (
      "acme: {issuers: [{name: corp}]}",
      [#"1:18: acme.issuers[0]: the key "directory" is missing; give the URL, or set name to a preset"#]
    ),
    (
      "acme: {issuers: [{directory: \"http://ca.example/dir\"}]}",
      [
        #"1:30: acme.issuers[0].directory: "http://ca.example/dir" is no https URL; an ACME directory "#
          + #"is only spoken to over HTTPS"#
      ]
    ),
    (
      "acme: {issuers: [{directory: \"https://me:pw@ca.example/dir\"}]}",
      [#"1:30: acme.issuers[0].directory: a URL with a user name or password is not accepted"#]
    ),
    (
      "acme: {agree_tos: true, issuers: [{name: letsencrypt, directory: \"https://ca.example\"}]}",
      [
        #"1:66: acme.issuers[0].directory: the preset "letsencrypt" has its own directory; choose "#
          + #"another name"#
      ]
    ),
    (
      "acme: {issuers: [{name: local, profile: short}]}",
      [#"1:41: acme.issuers[0].profile: the built-in CA has no such thing; remove the key"#]
    ),
    (
      "acme: {issuers: [local, local]}",
      [#"1:25: acme.issuers[1]: the issuer "local" stands twice"#]
    ),
    (
      "acme: {issuers: [letsencrypt]}",
      [
        #"1:7: acme.agree_tos: letsencrypt issues only to those who agree to its terms of service; "#
          + #"read them and set agree_tos: true"#
      ]
    ),
    (
      "acme: {agree_tos: true, issuers: [{name: google, eab: {kid: a}}]}",
      [#"1:55: acme.issuers[0].eab: the key "key_file" is missing"#]
    ),
    (
      "acme: {key_type: rsa-1024}",
      [
        #"1:18: acme.key_type: "rsa-1024" is not known; write ec-p256, ec-p384, rsa-2048, rsa-3072 or "#
          + #"rsa-4096"#
      ]
    ),
    (
      "acme: {local_lifetime: 1m}",
      [#"1:24: acme.local_lifetime: 1m is out of range; from 1h to 397d"#]
    ),
    (
      "acme: {http01: {address: 80}}",
      [#"1:26: acme.http01.address: "80" is a port alone; write :80"#]
    ),
    (
      "certificates: [{}]",
      [
        #"1:16: certificates[0]: names no certificate; write cert and key for files, or names for a "#
          + #"managed one"#
      ]
    ),
    (
      "certificates: [{key: a}]",
      [#"1:16: certificates[0]: the key "cert" is missing beside "key""#]
    ),
    (
      "certificates: [{cert: a, key: b, names: [c.example.com]}]",
      [#"1:41: certificates[0].names: does not go with files; remove it, or remove cert and key"#]
    ),
    (
      "certificates: [{names: [a.example.org], fetch_issuers: true}]\nacme: {issuers: [local]}",
      [
        #"1:56: certificates[0].fetch_issuers: is for files: a CA sends the issuers with what it issues; "#
          + "remove it"
      ]
    ),
    (
      "certificates: [{names: ['*']}]",
      [#"1:25: certificates[0].names[0]: a certificate cannot be for every host; name the hosts"#]
    ),
    (
      "certificates: [{names: [a.example.org, A.example.org]}]",
      [#"1:40: certificates[0].names[1]: "a.example.org" stands twice"#]
    ),
    (
      "certificates: [{names: [a.example.org], issuer: locl}]\nacme: {issuers: [local]}",
      [#"1:49: certificates[0].issuer: "locl" is not among acme.issuers; did you mean "local"?"#]
    ),
    (
      "certificates: [{names: ['*.example.org']}]\nacme: {agree_tos: true}",
      [
        #"1:16: certificates[0]: the wildcard "*.example.org" can be proven by dns-01 only; "#
          + #"add acme.dns01, name the hosts, or give cert and key files"#
      ]
    ),
    (
      "certificates: [{names: [a.example.org]}]",
      [
        #"1:1: acme.agree_tos: letsencrypt issues only to those who agree to its terms of service; "#
          + #"read them and set agree_tos: true"#
      ]
    ),
    (
      "certificates: [{names: [localhost]}]\nacme: {agree_tos: true}",
      [
        #"1:16: certificates[0]: no public CA certifies "localhost"; use the issuer local, or give "#
          + #"cert and key files"#
      ]
    ),
    (
      "certificates: [{names: [a.example.org]}, {names: [b.example.org], name: "
        + "a.example.org}]\nacme: {issuers: [local]}",
      [#"1:42: certificates[1]: has the name "a.example.org" of certificates[0]; set another name"#]
    ),
    (
      "routes: [{hosts: ['*.example.org'], service: a}]\nservices: {a: {backends: [h:1]}}\nacme: "
        + "{agree_tos: true}",
      [
        #"1:19: routes[0].hosts[0]: the wildcard "*.example.org" can be proven by dns-01 only; "#
          + #"add acme.dns01, name the hosts, or give cert and key files"#
      ]
    ),
  ]

  @Test("the error says where, what and what to write instead", arguments: table.indices)
  func told(index: Int) {
    let row = Self.table[index]
    #expect(errors(row.file) == row.errors.map { "certd.yaml:\($0)" })
  }
}
