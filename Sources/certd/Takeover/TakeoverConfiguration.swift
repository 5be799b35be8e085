import CertStore
import PKI

/// Writes the configuration that goes on with what was taken over.
struct TakeoverConfiguration {
  let result: Takeover.Result
  let heading: String
  /// The store, where the file has to name it.
  let store: String?
  /// Where the store's files are.
  let storeRoot: String
  let roots: [String]
  let dnsProgram: String?
  /// Whether the operator has agreed to the CA's terms here and now.
  let agreesToTerms: Bool

  func text() -> String {
    var lines = heading.split(separator: "\n", omittingEmptySubsequences: false).map { "# \($0)" }
    if let store { lines.append("store: \(YAMLText.quoted(store))") }
    lines += acme()
    if !result.taken.isEmpty || !result.state.served.isEmpty { lines.append("certificates:") }
    for taken in result.taken { lines += entry(taken) }
    for file in result.state.served {
      lines.append(
        "  - "
          + YAMLText.map([("cert", YAMLText.quoted(file.certificate)), ("key", YAMLText.quoted(file.key))]))
    }
    let host = result.taken.first?.certificate.chain.leaf.identifiers.first { !$0.isWildcard }
    lines += [
      "# What is served under these names goes here, for instance:",
      "# routes:",
      "#   - { hosts: [\(host.map(\.description) ?? "llm.example.com")], service: chat }",
      "# services:",
      "#   chat: { backends: [\"127.0.0.1:8000\"] }",
    ]
    return lines.joined(separator: "\n")
  }

  private func acme() -> [String] {
    guard !result.issuers.isEmpty else { return [] }
    var lines = ["acme:"]
    let mails = result.accounts.flatMap(\.account.contacts).filter { $0.hasPrefix("mailto:") }
    if let mail = mails.first { lines.append("  email: \(YAMLText.quoted(String(mail.dropFirst(7))))") }
    if !result.accounts.isEmpty {
      lines.append("  agree_tos: true    # as when the accounts were registered")
    } else if agreesToTerms {
      lines.append("  agree_tos: true")
    } else {
      lines.append("  agree_tos: false   # no account came over: read the CA's terms, and set this to true")
    }
    lines.append("  issuers:")
    for issuer in result.issuers {
      let isPreset = issuer.name.hasPrefix("letsencrypt")
      var members = [("name", YAMLText.quoted(issuer.name))]
      if !isPreset {
        members.append(("directory", YAMLText.quoted(issuer.directory)))
        if !roots.isEmpty { members.append(("roots", YAMLText.list(roots))) }
      }
      lines.append("    - " + (isPreset ? issuer.name : YAMLText.map(members)))
    }
    let webroots = Set(result.taken.compactMap(\.certificate.webroot))
    if let webroot = mostUsedWebroot {
      lines.append("  http01: { webroot: \(YAMLText.quoted(webroot)) }")
      for other in webroots.sorted() where other != webroot {
        lines.append("  # another webroot was \(other): certd has one")
      }
    }
    if mostUsedWebroot == nil, let address = result.taken.compactMap(\.certificate.httpAddress).first {
      lines.append("  http01: { address: \(YAMLText.quoted(address)) }")
    }
    if let dnsProgram { lines.append("  dns01: { exec: \(YAMLText.quoted(dnsProgram)) }") }
    for (key, hooks) in [
      ("pre_hooks", result.state.preHooks), ("post_hooks", result.state.postHooks),
      ("deploy_hooks", result.state.deployHooks),
    ] where !hooks.isEmpty { lines.append("  \(key): \(YAMLText.list(hooks))") }
    return lines
  }

  private var mostUsedWebroot: String? {
    var uses: [String: Int] = [:]
    for webroot in result.taken.compactMap(\.certificate.webroot) { uses[webroot, default: 0] += 1 }
    return uses.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
  }

  private func entry(_ taken: Takeover.Taken) -> [String] {
    let certificate = taken.certificate
    let names = certificate.chain.leaf.identifiers
    var lines = ["  - names: " + YAMLText.list(names.map(\.description))]
    lines.append("    name: \(YAMLText.quoted(taken.name.description))")
    if result.issuers.count > 1 { lines.append("    issuer: \(YAMLText.quoted(taken.issuer))") }
    if let type = certificate.key.type, type != .ecP256 { lines.append("    key_type: \(type.rawValue)") }
    if !certificate.hooks.isEmpty { lines.append("    deploy_hooks: \(YAMLText.list(certificate.hooks))") }
    if !certificate.copies.isEmpty {
      let copies = certificate.copies.sorted { $0.key < $1.key }.map { ($0.key, YAMLText.quoted($0.value)) }
      lines.append("    deploy: [{ copy: \(YAMLText.map(copies)) }]")
    }
    guard names.contains(where: \.isWildcard), dnsProgram == nil else { return lines }
    // Nothing could renew it yet: it is served as it is, and what is to come stands beside it.
    let current = "\(storeRoot)/certificates/\(taken.name)/current"
    return [
      "  # Served, but not renewed until acme.dns01 is set (docs/dns-01.md); then, in place of the next line:"
    ]
      + lines.map { "  #" + $0 }
      + [
        "  - "
          + YAMLText.map([
            ("cert", YAMLText.quoted(current + "/fullchain.pem")),
            ("key", YAMLText.quoted(current + "/privkey.pem")),
          ])
      ]
  }
}
