internal import ACME

extension Configuration {
  static func readACME(_ section: Section) -> ACMESettings {
    var acme = ACMESettings()
    section.fill(&acme)
    acme.tlsALPN01 = section.section("tls_alpn01").settings()
    acme.http01 = section.section("http01").settings()
    acme.issuers = readIssuers(section)
    acme.dns01 = readDNS(section)
    acme.challenges = readChallenges(section)
    acme.keyTypes = section.keyTypes("key_type")
    acme.deploys = readDeploys(section)
    acme.origin = section.has("agree_tos") ? section.origin(of: "agree_tos") : section.origin
    return acme
  }

  private static func readChallenges(_ section: Section) -> [ChallengeType] {
    let known = ChallengeType.allCases.map(\.rawValue)
    var found: [ChallengeType] = []
    let given = section.texts("challenges", nonEmpty: true) { text throws(Invalid) -> ChallengeType in
      guard let kind = ChallengeType(rawValue: text) else {
        throw Invalid(
          "\(quoted(text)) is no challenge that certd answers",
          Nearest.hint(for: text, among: known) ?? "known: \(alternatives(known))")
      }
      return kind
    }
    for challenge in given ?? [] {
      if found.contains(challenge.value) {
        section.report.error(challenge.origin, "\(quoted(challenge.value.rawValue)) stands twice")
      }
      found.append(challenge.value)
    }
    if found.contains(.dns01), !section.has("dns01") {
      section.report.error(
        section.origin(of: "challenges"), "dns-01 needs somebody who changes the zones", "add acme.dns01")
    }
    guard found.isEmpty else { return found }
    return [.http01, .tlsALPN01] + (section.has("dns01") ? [.dns01] : [])
  }

  private static func readIssuers(_ section: Section) -> [IssuerSettings] {
    guard section.has("issuers") else { return [preset("letsencrypt", .none)].compactMap { $0 } }
    var issuers: [IssuerSettings] = []
    for item in section.items("issuers", nonEmpty: true) ?? [] {
      let issuer: IssuerSettings?
      if case .mapping = item.node.content {
        issuer = readIssuer(
          Section(
            item.node, tablePath: "acme.issuers[]", path: item.origin.path, report: section.report))
      } else {
        issuer = section.text(item.node, at: item.origin) { name throws(Invalid) in
          try namedIssuer(name, item.origin)
        }
      }
      guard let issuer else { continue }
      if issuers.contains(where: { $0.name == issuer.name }) {
        section.report.error(item.origin, "the issuer \(quoted(issuer.name)) stands twice")
      }
      issuers.append(issuer)
    }
    return issuers
  }

  private static func preset(_ name: String, _ origin: Origin) -> IssuerSettings? {
    if name == IssuerPreset.localName { return IssuerSettings(name: name, kind: .local, origin: origin) }
    guard let preset = IssuerPreset.all.first(where: { $0.name == name }) else { return nil }
    let acme = ACMEIssuerSettings(
      directory: preset.directory, externalAccountOrigin: preset.externalAccountOrigin,
      staging: preset.staging)
    return IssuerSettings(name: name, kind: .acme(acme), origin: origin)
  }

  private static func namedIssuer(_ name: String, _ origin: Origin) throws(Invalid) -> IssuerSettings {
    guard let issuer = preset(name, origin) else {
      let names = IssuerPreset.all.map(\.name) + [IssuerPreset.localName]
      let hint =
        name.contains("://")
        ? "write {directory: URL}"
        : Nearest.hint(for: name, among: names) ?? "write \(alternatives(names)), or {directory: URL}"
      throw Invalid("\(quoted(name)) is no known issuer", hint)
    }
    return issuer
  }

  private static func readIssuer(_ section: Section) -> IssuerSettings? {
    let name = section.text("name", Word.name)
    let known = name.flatMap { preset($0, section.origin) }
    let directory = section.text("directory", Word.directory)
    var settings = ACMEIssuerSettings(directory: directory ?? "")
    section.fill(&settings)
    let (account, origin) = readExternalAccount(section)
    if let known, section.has("directory") {
      section.report.error(
        section.origin(of: "directory"), "the preset \(quoted(known.name)) has its own directory",
        "choose another name")
    }
    if let known, case .local = known.kind {
      for key in ["roots", "eab", "profile", "staging"] where section.has(key) {
        section.report.error(section.origin(of: key), "the built-in CA has no such thing", "remove the key")
      }
      return known
    }
    guard let directory = directory ?? known?.directoryURL else {
      if !section.has("directory"), !(section.has("name") && name == nil) {
        section.report.error(
          section.origin, "the key \"directory\" is missing", "give the URL, or set name to a preset")
      }
      return nil
    }
    settings.directory = directory
    settings.externalAccount = account
    settings.externalAccountOrigin = section.has("eab") ? origin : known?.externalAccountOrigin
    settings.staging = settings.staging ?? known?.stagingURL
    return IssuerSettings(name: name ?? host(of: directory), kind: .acme(settings), origin: section.origin)
  }

  /// Credentials of one's own, or who hands them out.
  private static func readExternalAccount(
    _ section: Section
  ) -> (ExternalAccount?, ExternalAccountOrigin?) {
    guard let node = section.written("eab") else { return (nil, nil) }
    if case .scalar = node.content { return (nil, section.choice("eab")) }
    let eab = section.section("eab")
    var account: ExternalAccount = eab.settings()
    let (kid, file) = (eab.text("kid", Word.line), eab.path("key_file"))
    guard let kid, let file else { return (nil, nil) }
    (account.keyIdentifier, account.keyFile) = (kid, file)
    return (account, nil)
  }

  /// The authority of an https URL, as a name.
  private static func host(of url: String) -> String {
    String(url.dropFirst(8).prefix { $0 != "/" && $0 != "?" }).lowercased().replacing(":", with: "_")
  }
}

extension IssuerSettings {
  fileprivate var directoryURL: String? {
    guard case .acme(let acme) = kind else { return nil }
    return acme.directory
  }

  fileprivate var externalAccountOrigin: ExternalAccountOrigin? {
    guard case .acme(let acme) = kind else { return nil }
    return acme.externalAccountOrigin
  }

  fileprivate var stagingURL: String? {
    guard case .acme(let acme) = kind else { return nil }
    return acme.staging
  }
}
