internal import ACME
internal import PKI

extension KeyTable {
  private static let keyTypes = Key.ValueType.choiceOrList(
    KeyType.allCases.map(\.rawValue), maximumCount: 2)

  static let acme: [Key] = [
    Key("acme", .section, .described(""), "How certificates are obtained (RFC 8555)."),
    Key(
      \ACMESettings.email, "acme.email", .text(.email), .described("no contact"),
      "Contact for the CA. Optional; some CAs warn of trouble by mail."),
    Key(
      \ACMESettings.agreeTOS, "acme.agree_tos", .boolean,
      "Whether you agree to the CA's terms of service. Must be `true` to use a public CA."),
    Key(
      "acme.issuers", .list(of: .textOrSection(.issuer), maximumCount: 8), .described("`[letsencrypt]`"),
      "Who issues, first choice first: while one is down, refuses or limits us, the next is asked (`local` and staging "
        + "environments never stand in for another). Each is a preset's name (`letsencrypt`, "
        + "`letsencrypt-staging`, `google`, "
        + "`zerossl`, or `local` for the CA built into certd) or a section as below."),
    Key(
      "acme.issuers[].name", .text(.name), .described("host of the directory"),
      "Name that `certificates[].issuer` refers to. A preset's name sets its directory."),
    Key(
      "acme.issuers[].directory", .text(.url), .described("the preset's"),
      "URL of the ACME directory. Required unless `name` is a preset."),
    Key(
      \ACMEIssuerSettings.roots, "acme.issuers[].roots", .list(of: .text(.path), maximumCount: 64),
      .described("none"),
      "PEM files with roots trusted for this directory, besides the system's."),
    Key(
      "acme.issuers[].eab", .choiceOrSection(ExternalAccountOrigin.allCases.map(\.rawValue)),
      .described("`google` and `zerossl` for the presets of these names, else none"),
      "External account binding (RFC 8555 §7.3.4): one that the CA gave out, as below, or who gives one out when it is "
        + "needed: `google` for the project of the section `gcp`, by Google's credentials; `zerossl` for `acme.email`."
    ),
    Key("acme.issuers[].eab.kid", .text(.line), .required, "Key identifier."),
    Key(
      "acme.issuers[].eab.key_file", .text(.path), .required,
      "File with the MAC key in base64url. The key itself never stands in the configuration."),
    Key(
      \ExternalAccount.algorithm, "acme.issuers[].eab.algorithm",
      .choice(of: ExternalAccountBinding.Algorithm.self), "How the CA wants the binding signed."),
    Key(
      \ACMEIssuerSettings.profile, "acme.issuers[].profile", .text(.name), .described("the CA's default"),
      "Certificate profile to ask for."),
    Key(
      \ACMEIssuerSettings.staging, "acme.issuers[].staging", .text(.url),
      .described("the preset's, if it has one"),
      "URL of the CA's staging directory. After a failed validation the next attempt is made there first, so that a "
        + "mistake costs nothing at the CA itself."),
    Key(
      "acme.challenges",
      .list(of: .choice(of: ChallengeType.self), maximumCount: 3),
      .described("`[http-01, tls-alpn-01]`, and `dns-01` where `acme.dns01` is"),
      "How names are proven, the preferred way first. `http-01` needs port 80 (or a redirect to it), `tls-alpn-01` port "
        + "443, where the TLS listeners answer it beside their traffic, `dns-01` the section `dns01`. Wildcards are "
        + "proven by `dns-01` wherever it stands."),
    Key("acme.tls_alpn01", .section, .described(""), "How TLS-ALPN-01 challenges are answered."),
    Key(
      \TLSALPN01Settings.address, "acme.tls_alpn01.address", .text(.listenAddress),
      "Address bound for the answers by `certd renew` and `certd issue` while no daemon holds it."),
    Key("acme.http01", .section, .described(""), "How HTTP-01 challenges are answered."),
    Key(
      \HTTP01Settings.address, "acme.http01.address", .text(.listenAddress),
      "Address bound for the answers while something is ordered, unless a listener of certd has it anyway."),
    Key(
      \HTTP01Settings.webroot, "acme.http01.webroot", .text(.path), .described("answered by certd itself"),
      "Folder from which another web server serves port 80: answers are put below its `.well-known/acme-challenge`, and "
        + "no address is bound for them."),
    Key(
      \ACMESettings.preferredChain, "acme.preferred_chain", .text(.line), .described("the CA's choice"),
      "Common name of the root that the chain should lead to, where the CA offers several."),
    Key(
      \ACMESettings.notAfter, "acme.not_after", .duration(120_000...34_560_000_000, off: false),
      .described("the CA's choice"),
      "How long after the order certificates shall end (`notAfter` of RFC 8555 §7.4.1), for CAs that let one choose; others "
        + "refuse the order."),
    Key(
      "acme.key_type", keyTypes, .value("ec-p256"),
      "Key of certificates that do not say otherwise. `[ec-p256, rsa-2048]` obtains two certificates for the same names, "
        + "one with each key, and presents to each client the first that it can verify; the second is called "
        + "`NAME.rsa-2048` in the store and on the command line."),
    Key(
      \ACMESettings.deployHooks, "acme.deploy_hooks", .list(of: .text(.line), maximumCount: 32),
      "Commands run by `/bin/sh -c` after each renewal, with `RENEWED_LINEAGE` and `RENEWED_DOMAINS`."),
    Key(
      \ACMESettings.preHooks, "acme.pre_hooks", .list(of: .text(.line), maximumCount: 32),
      "Commands run by `/bin/sh -c` once before anything is ordered from a CA, not where nothing is due: for instance to "
        + "stop a web server that holds port 80. One that fails is told and stops nothing."),
    Key(
      \ACMESettings.postHooks, "acme.post_hooks", .list(of: .text(.line), maximumCount: 32),
      "Commands run once when all orders of that run have ended, however they ended."),
    Key(
      \ACMESettings.issuancesPerDay, "acme.issuances_per_day", .integer(1...10_000),
      "How often one certificate may be issued in 24 hours, whatever happens; more where its lifetime is so short that "
        + "renewing it takes more. Not for the built-in CA."),
    Key(
      \ACMESettings.localLifetime, "acme.local_lifetime", .duration(3_600_000...34_300_800_000, off: false),
      "Lifetime of certificates from the built-in CA."),
  ]

  static let certificates: [Key] = [
    Key(
      "certificates", .list(of: .section, maximumCount: 10_000), .described("none"),
      "Certificates named one by one: either `cert` and `key`, files served as they are and "
        + "watched, or `names`, "
        + "obtained and renewed. Hosts of routes that no entry covers get a certificate each by themselves."),
    Key(
      "certificates[].cert", .text(.path), .described("managed"),
      "File of the certificate and its issuers: PEM in any order, DER, PKCS#12 or PKCS#7."),
    Key(
      "certificates[].key", .text(.path), .described("the file of `cert`"),
      "File of the private key: PEM, DER or PKCS#12."),
    Key(
      \CertificateFiles.passwordFile, "certificates[].password_file", .text(.path), .described("none"),
      "File whose first line opens an encrypted key or a PKCS#12 file."),
    Key(
      "certificates[].fetch_issuers", .boolean, .described("`false`"),
      "Whether `certd run` fetches intermediates that the file of `cert` lacks from where its certificates say (AIA), and "
        + "keeps them in the store."),
    Key(
      "certificates[].names", .list(of: .text(.hostPattern), maximumCount: 100), .described("files"),
      "Host names and IP addresses in one certificate."),
    Key(
      "certificates[].name", .text(.name), .described("the first of `names`; none for files"),
      "Its name in the store and on the command line. With `cert`: the name by which `gcp` takes it from the files."
    ),
    Key(
      "certificates[].issuer", .text(.name), .described("`acme.issuers` in their order"),
      "Name of its only issuer."),
    Key("certificates[].key_type", keyTypes, .described("`acme.key_type`"), "Its key."),
    Key(
      \WantedCertificate.profile, "certificates[].profile", .text(.name), .described("the issuer's"),
      "Certificate profile to ask for."),
    Key(
      \WantedCertificate.deployHooks, "certificates[].deploy_hooks",
      .list(of: .text(.line), maximumCount: 32), .described("none"),
      "Commands run after its renewal, besides `acme.deploy_hooks`."),
  ]
}
