internal import GCP

extension KeyTable {
  static let gcp: [Key] = [
    Key(
      "gcp", .section, .described("nothing is sent to Google"),
      "Load balancers of Google Cloud that shall present our certificates ([gcp.md](gcp.md))."),
    Key("gcp.project", .text(.name), .required, "Identifier of the project."),
    Key(
      \GCPSettings.credentials, "gcp.credentials", .text(.path), .described("found in Google's order"),
      "File with credentials. Without it: `GOOGLE_APPLICATION_CREDENTIALS`, gcloud's own file, the metadata "
        + "server."),
    Key(
      "gcp.name_prefix", .text(.name), .value(GCPSettings().namePrefix),
      "What the names of the resources that we make begin with: a lower-case letter, then letters, digits and "
        + "hyphens, at most 20."),
    Key(
      \GCPSettings.target, "gcp.target", .choice(of: Target.Route.self),
      "By which way certificates reach a target that does not say otherwise: `classic` makes an SslCertificate "
        + "for each generation, `certificate-manager` changes one certificate in place."),
    Key("gcp.endpoints", .section, .described("Google's own"), "Where Google's APIs are asked."),
    Key(
      \Endpoints.compute, "gcp.endpoints.compute", .text(.endpoint), .described("Google's own"),
      "Compute Engine."),
    Key(
      \Endpoints.certificateManager, "gcp.endpoints.certificate_manager", .text(.endpoint),
      .described("Google's own"),
      "Certificate Manager."),
    Key(
      \Endpoints.publicCA, "gcp.endpoints.public_ca", .text(.endpoint), .described("Google's own"),
      "Public Certificate Authority."
    ),
    Key(\Endpoints.dns, "gcp.endpoints.dns", .text(.endpoint), .described("Google's own"), "Cloud DNS."),
    Key(
      \Endpoints.token, "gcp.endpoints.token", .text(.endpoint), .described("what the credentials say"),
      "The whole address that tokens are asked for at."),
    Key(
      \Endpoints.sts, "gcp.endpoints.sts", .text(.endpoint), .described("what the credentials say"),
      "The whole address of the Security Token Service, where an `external_account`'s token is exchanged."),
    Key(
      \GCPSettings.caFile, "gcp.ca_file", .text(.path), .described("the system's roots"),
      "PEM file with roots trusted for these addresses, besides the system's."),
    Key(
      "gcp.targets", .list(of: .section, maximumCount: 256), .described("none"),
      "Target proxies that shall present our certificates."),
    Key(
      "gcp.targets[].kind", .choice(of: Target.Kind.self), .required,
      "What kind of proxy it is."),
    Key("gcp.targets[].name", .text(.name), .required, "Its name."),
    Key(
      "gcp.targets[].region", .text(.name), .described("a global proxy"),
      "Its region; only target HTTPS proxies have one."),
    Key(
      "gcp.targets[].certificates", .list(of: .text(.name), maximumCount: 100), .required,
      "Names of certificates as `certd list` shows them, the primary one first."),
    Key(
      "gcp.targets[].target", .choice(of: Target.Route.self), .described("`gcp.target`"),
      "By which way certificates reach it."),
    Key(
      "gcp.targets[].address", .text(.line), .described("no handshake after a push"),
      "Where the load balancer answers, `host` or `host:port`: a push then tells what is presented there."),
  ]
}
