internal import PKI

extension Configuration {
  static func readCertificates(_ top: Section, _ acme: ACMESettings) -> [CertificateEntry] {
    (top.sections("certificates") ?? []).compactMap { section in
      let isFiles = ["cert", "key", "password_file"].contains { section.has($0) }
      if !isFiles, !section.has("names") {
        section.report.error(
          section.origin, "names no certificate", "write cert and key for files, or names for a managed one")
      }
      guard !isFiles else { return readFiles(section).map(CertificateEntry.files) }
      return readManaged(section, acme).map(CertificateEntry.managed)
    }
  }

  private static func readFiles(_ section: Section) -> CertificateFiles? {
    if !section.has("cert") {
      section.report.error(section.origin, "the key \"cert\" is missing beside \"key\"")
    }
    let managedKeys = ["names", "issuer", "key_type", "profile", "deploy_hooks", "deploy"]
    for key in managedKeys where section.has(key) {
      section.report.error(
        section.origin(of: key), "does not go with files", "remove it, or remove cert and key")
    }
    let (certificate, key) = (section.path("cert"), section.path("key"))
    var files = CertificateFiles(
      certificate: certificate ?? "", key: key ?? certificate ?? "", origin: section.origin)
    section.fill(&files)
    files.fetchesIssuers = section.boolean("fetch_issuers")
    files.name = section.text("name", Word.name)
    return certificate != nil && (key != nil || !section.has("key")) ? files : nil
  }

  private static func readManaged(_ section: Section, _ acme: ACMESettings) -> WantedCertificate? {
    let patterns = section.texts("names", nonEmpty: true, HostPattern.parse)
    var names: [String] = []
    for pattern in patterns ?? [] {
      if pattern.value == .any {
        section.report.error(pattern.origin, "a certificate cannot be for every host", "name the hosts")
      }
      let name = pattern.value.description
      if names.contains(name) { section.report.error(pattern.origin, "\(quoted(name)) stands twice") }
      names.append(name)
    }
    if section.boolean("fetch_issuers") {
      section.report.error(
        section.origin(of: "fetch_issuers"), "is for files: a CA sends the issuers with what it issues",
        "remove it")
    }
    let issuer = section.text("issuer") { text throws(Invalid) in
      guard acme.issuers.contains(where: { $0.name == text }) else {
        let known = acme.issuers.map(\.name)
        throw Invalid(
          "\(quoted(text)) is not among acme.issuers",
          Nearest.hint(for: text, among: known) ?? "known: \(alternatives(known))")
      }
      return text
    }
    let given = section.text("name", Word.name)
    let keyTypes = section.has("key_type") ? section.keyTypes("key_type") : acme.keyTypes
    var certificate = WantedCertificate(
      name: given ?? names.first.map(WantedCertificate.storeName) ?? "", names: names, issuer: issuer,
      keyType: keyTypes.first ?? .ecP256, moreKeyTypes: Array(keyTypes.dropFirst()), origin: section.origin)
    section.fill(&certificate)
    certificate.deploys = readDeploys(section)
    return names.isEmpty ? nil : certificate
  }
}

extension Section {
  /// One type of key, or one of ECDSA and one of RSA.
  func keyTypes(_ key: String) -> [KeyType] {
    guard let node = written(key), case .sequence = node.content else { return [choice(key) ?? .ecP256] }
    let words = KeyType.allCases.map(\.rawValue)
    let types = texts(key, nonEmpty: true) { text throws(Invalid) -> KeyType in
      guard let type = KeyType(rawValue: text) else {
        throw Invalid(
          "\(quoted(text)) is not known",
          Nearest.hint(for: text, among: words) ?? "write \(alternatives(words))")
      }
      return type
    }
    for (index, type) in (types ?? []).enumerated()
    where (types ?? [])[..<index].contains(where: { $0.value.isRSA == type.value.isRSA }) {
      report.error(
        type.origin,
        "no client would ever be shown the second of two \(type.value.isRSA ? "RSA" : "ECDSA") keys",
        "choose one of ECDSA and one of RSA")
    }
    return types?.map(\.value) ?? []
  }
}
