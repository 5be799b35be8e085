internal import CertStore

extension KeyTable {
  static let deploys: [Key] =
    deploy(
      "acme.deploy",
      "What is done after each renewal, in this order, retried with growing pauses until it succeeds: "
        + "commands, copies of the files, reloads of units, places of other providers, proofs that it is served. A renewal is never undone by it."
    )
    + deploy("certificates[].deploy", "What is done after its renewal, besides `acme.deploy`.")

  private static func deploy(_ path: String, _ summary: String) -> [Key] {
    func key(_ name: String, _ type: Key.ValueType, _ fallback: Key.Fallback, _ summary: String) -> Key {
      Key("\(path)[].\(name)", type, fallback, summary)
    }
    func copy(
      _ file: any WritableKeyPath<FileCopies, String?> & Sendable, _ name: String, _ summary: String
    ) -> Key {
      Key(file, "\(path)[].copy.\(name)", .text(.path), .described("not copied"), summary)
    }
    return [
      Key(path, .list(of: .section, maximumCount: 32), .described("nothing"), summary),
      key(
        "command", .text(.line), .described("none"),
        "Run by `/bin/sh -c`, with `RENEWED_LINEAGE` and `RENEWED_DOMAINS` (certbot's), and `CERTD_NAME`, "
          + "`CERTD_LINEAGE`, `CERTD_DOMAINS`, `CERTD_GENERATION`, `CERTD_NOT_AFTER` and `CERTD_FINGERPRINT`."
      ),
      key(
        "timeout", .duration(1000...3_600_000, off: false),
        .described("`\(DurationText.text(.seconds(DeployAction.defaultTimeoutSeconds)))`"),
        "The command is killed with its process group after this."),
      key(
        "once", .boolean, .described("`false`"),
        "Whether the command is run by one node of a fleet only, the one that has renewed, and not by each."),
      key(
        "reload", .text(.line), .described("none"),
        "A systemd unit to reload, or restart if it cannot reload."),
      key(
        "served_at", .text(.line), .described("none"),
        "Host and port of a server that must present the certificate by now, to be proven by a TLS handshake; for "
          + "instance `10.0.0.5:443`, after the entry that reloads it."),
      key("copy", .section, .described("none"), "Copies of the files, each replaced in one step."),
      copy(\.cert, "cert", "The leaf."), copy(\.chain, "chain", "The intermediates."),
      copy(\.fullchain, "fullchain", "Leaf and intermediates."),
      copy(\.key, "key", "The private key."),
      copy(\.combined, "combined", "Leaf, intermediates and private key in one file (HAProxy's form)."),
      Key(
        \FileCopies.owner, "\(path)[].copy.owner", .text(.name), .described("certd's user"),
        "The copies' owner."),
      Key(
        \FileCopies.group, "\(path)[].copy.group", .text(.name), .described("certd's group"),
        "The copies' group."),
      key(
        "copy.mode", .text(.line),
        .described("`\"0600\"` with a key (`\"0640\"` with `group`), else `\"0644\"`"),
        "The copies' permission bits, in octal."),
    ] + destinations(path)
  }
}
