extension KeyTable {
  static let fleet: [Key] = [
    Key(
      "fleet", .section, .described("none: this machine is alone"),
      "Several nodes that share certificates, challenges and keys of session tickets by an etcd of their own; all have the same "
        + "`prefix` and `seal_key`. See docs/fleet.md. Changes take effect at the next start."),
    Key("fleet.etcd", .section, .required, "The etcd, version 3.4 or later."),
    Key(
      "fleet.etcd.endpoints", .list(of: .text(.endpoint), maximumCount: 16), .required,
      "Its members, such as `https://10.0.0.1:2379`; asked one after the other until one answers."),
    Key(
      "fleet.etcd.ca", .text(.path), .described("the system's roots"),
      "File with the roots that its certificates come from."),
    Key(
      "fleet.etcd.cert", .text(.path), .described("none"),
      "File with the certificate that this node shows, and its chain; with `key`."),
    Key("fleet.etcd.key", .text(.path), .described("none"), "File with its private key."),
    Key("fleet.etcd.user", .text(.line), .described("none"), "User at etcd, where it asks for one."),
    Key(
      "fleet.etcd.password", .text(.line), .described("none"),
      "Its password, by `${NAME}` or `${file:PATH}` rather than in the open."),
    Key(
      "fleet.prefix", .text(.line), .described("`/certd`"),
      "What all keys at etcd begin with: one for each fleet. Letters, digits, `/`, `.`, `_` and `-`, a slash first."
    ),
    Key(
      "fleet.seal_key", .text(.line), .required,
      "The key that private keys are sealed with (AES-256-GCM) before etcd gets them: 32 bytes in base64 or hexadecimal, as "
        + "`openssl rand -hex 32` makes them; by `${file:PATH}` rather than in the open."),
    Key(
      "fleet.old_seal_keys", .list(of: .text(.line), maximumCount: 8), .described("none"),
      "Older seal keys that still open: for the time between a new `seal_key` and `certd fleet seal rotate`."),
    Key(
      "fleet.share_keys", .boolean, .described("`false`"),
      "Whether the files of `keys` are the same at every node: a change at one, by `certd key` or by hand, is at all of them within "
        + "seconds. What a node's files hold when it joins is replaced by what the fleet has. Limits count at each node for itself."
    ),
    Key(
      "fleet.follow", .boolean, .described("`false`"),
      "Whether this node takes what `certd fleet push` gives: its configuration file is replaced and read again. The directory of the "
        + "file has to be writable for certd."),
    Key(
      "fleet.node", .text(.line), .required,
      "This node's name, another one at each: letters, digits, `.`, `_` and `-`, such as `${HOSTNAME}`."),
  ]
}
