import Configuration

/// The first configuration of a machine, with a word beside each line.
struct FirstConfiguration {
  var name: String
  var backend: String
  var look: BackendLook
  /// A preset's name, `local`, or a directory's URL.
  var issuer: String
  var roots: [String] = []
  var email: String?
  var wantsKey: Bool
  var httpsAddress: String
  /// Nil where nothing is answered without TLS.
  var httpAddress: String?
  var store: String?

  /// The group that the first key is of, and the file that its hash is in.
  static let keyGroup = "team"
  static let keyFile = "certd-keys"

  /// The address in the form of `services.*.backends`.
  private var kind: String {
    guard let kind = look.kind else { return "auto" }
    // A server that answers otherwise later is recognised anew.
    return kind == .http ? "auto" : kind.rawValue
  }

  func text() -> String {
    var lines = [
      "# certd.yaml, made by 'certd init'. Every key: docs/configuration.md. Check it: certd check"
    ]
    if let store { lines.append("store: \(YAMLText.quoted(store))") }
    lines.append("")
    lines += acme()
    lines += [
      "", "listeners:", "  - address: \(YAMLText.quoted(httpsAddress))    # HTTPS: HTTP/1.1 and HTTP/2",
    ]
    if let httpAddress {
      lines += [
        "  - address: \(YAMLText.quoted(httpAddress))     # sends browsers to HTTPS, and answers the CA's challenges",
        "    redirect: https",
      ]
    }
    lines += ["", "routes:", "  - hosts: \(YAMLText.list([name]))", "    service: models"]
    if wantsKey {
      lines += [
        "    keys: \(Self.keyGroup)    # requests show one of these keys", "", "keys:", "  \(Self.keyGroup):",
        "    file: \(Self.keyFile)    # hashes only; 'certd key create' makes more",
      ]
    }
    lines += ["", "services:", "  models:", "    kind: \(kind)    \(kindRemark)"]
    lines.append("    backends: \(YAMLText.list([backend]))")
    return lines.joined(separator: "\n")
  }

  private func acme() -> [String] {
    var lines = ["acme:"]
    guard issuer != IssuerPreset.localName else {
      return lines + ["  issuers: [local]    # certd's own CA; clients trust what 'certd ca root' prints"]
    }
    if let email { lines.append("  email: \(YAMLText.quoted(email))    # where the CA writes to") }
    lines.append("  agree_tos: true    # to the CA's terms of service")
    if issuer.contains("://") {
      var members = [("directory", YAMLText.quoted(issuer))]
      if !roots.isEmpty { members.append(("roots", YAMLText.list(roots))) }
      lines.append("  issuers: [\(YAMLText.map(members))]")
      if let httpAddress { lines.append("  http01: { address: \(YAMLText.quoted(httpAddress)) }") }
    } else {
      lines.append("  issuers: [\(issuer)]")
    }
    return lines
  }

  private var kindRemark: String {
    if look.kind == nil { return "# certd asks what it is once it runs" }
    let models = look.models.prefix(3).joined(separator: ", ")
    return models.isEmpty ? "# as it says of itself" : "# with \(models.filter { !$0.isNewline })"
  }
}
