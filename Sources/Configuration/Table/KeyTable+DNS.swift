internal import DNS

extension KeyTable {
  static let dns01: [Key] = [
    Key(
      "acme.dns01", .section, .described("none"),
      "How DNS-01 challenges are answered: by exactly one of `exec`, `rfc2136` and `google_cloud_dns`. Needed for "
        + "wildcards. An alias (CNAME) of `_acme-challenge.` is followed."),
    Key(
      "acme.dns01.exec", .text(.path), .described("none"),
      "A program, run as `PROGRAM present` and `PROGRAM cleanup` with one JSON document on standard input."),
    Key(
      \DNSSettings.timeout, "acme.dns01.timeout", .duration(1000...3_600_000, off: false),
      "The program is killed with its process group after this."),
    Key(
      "acme.dns01.rfc2136", .section, .described("none"),
      "Dynamic updates (RFC 2136), signed by TSIG (RFC 8945)."),
    Key(
      \DNSUpdateSettings.server, "acme.dns01.rfc2136.server", .text(.line), .described("the zone's primary"),
      "Who takes updates, as `host` or `host:port`."),
    Key(
      \DNSUpdateSettings.keyFile, "acme.dns01.rfc2136.key_file", .text(.path), .described("unsigned updates"),
      "File with the key: what `tsig-keygen` writes, or the secret alone in base64."),
    Key(
      \DNSUpdateSettings.keyName, "acme.dns01.rfc2136.key_name", .text(.line),
      .described("the one in the file"),
      "The key's name. Required when the file holds the secret alone."),
    Key(
      \DNSUpdateSettings.algorithm, "acme.dns01.rfc2136.algorithm",
      .choice(of: TransactionKey.Algorithm.self),
      .described("the file's, or `hmac-sha256`"), "How updates are signed."),
    Key(
      "acme.dns01.google_cloud_dns", .section, .described("none"),
      "Google Cloud DNS, with the credentials that `gcp` uses."),
    Key(
      "acme.dns01.google_cloud_dns.project", .text(.cloudName),
      .described("`gcp.project`, or the credentials'"),
      "The project of the zones."),
    Key(
      "acme.dns01.google_cloud_dns.zone", .text(.cloudName),
      .described("the public one with the longest name"),
      "The managed zone's name."),
    Key(
      \DNSSettings.ttl, "acme.dns01.ttl", .duration(1000...86_400_000, off: false),
      "Time to live of the records."
    ),
    Key(
      \DNSSettings.propagationCheck, "acme.dns01.propagation_check", .boolean,
      "Whether every server of the zone is asked for the record before the CA is told."),
    Key(
      \DNSSettings.propagationTimeout, "acme.dns01.propagation_timeout",
      .duration(1000...3_600_000, off: false),
      "How long to wait until all of them have it."),
    Key(
      \DNSSettings.resolvers, "acme.dns01.resolvers", .list(of: .text(.line), maximumCount: 8),
      .described("the system's"),
      "Recursive name servers, as `address` or `address:port`."),
    Key(
      \DNSSettings.authoritativePort, "acme.dns01.authoritative_port", .integer(1...65_535),
      "Where the zones' own servers listen."),
  ]
}
