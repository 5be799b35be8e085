/// A listener's TLS: profile, algorithms, clients' certificates, early data.
extension Configuration {
  /// The profile, and the algorithms of `custom`. `tls` is a word or a section.
  static func readTLS(_ listener: Section, redirects: Bool) -> (Listener.TLSProfile, CustomTLS?) {
    let usual: Listener.TLSProfile = redirects ? .off : .modern
    guard listener.holdsSection("tls") else { return (listener.choice("tls") ?? usual, nil) }
    let section = listener.section("tls")
    let profile: Listener.TLSProfile = section.choice("profile") ?? usual
    guard profile == .custom else {
      for key in ["minimum_version", "ciphers", "cipher_suites", "groups"] where section.has(key) {
        section.report.error(
          section.origin(of: key), "goes with profile: custom only", "write profile: custom or remove it")
        _ = readCustom(section)
      }
      return (profile, nil)
    }
    return (profile, readCustom(section))
  }

  private enum Version: String, WordValue {
    case tls12 = "TLSv1.2"
    case tls13 = "TLSv1.3"
  }

  private static func readCustom(_ section: Section) -> CustomTLS {
    let version: Version? = section.choice("minimum_version")
    let custom = CustomTLS(
      allowsTLS12: version != .tls13,
      ciphers: algorithms(section, "ciphers", TLSAlgorithm.ciphers, "TLS 1.2 cipher suite"),
      cipherSuites: algorithms(section, "cipher_suites", TLSAlgorithm.cipherSuites, "TLS 1.3 cipher suite"),
      groups: algorithms(section, "groups", TLSAlgorithm.groups, "key exchange group"),
      origin: section.origin)
    if !custom.allowsTLS12, section.has("ciphers") {
      section.report.error(
        section.origin(of: "ciphers"), "are for TLS 1.2, which minimum_version excludes",
        "remove them, or name cipher_suites")
    }
    return custom
  }

  private static func algorithms(
    _ section: Section, _ key: String, _ known: [TLSAlgorithm], _ what: String
  ) -> [String]? {
    guard section.has(key) else { return nil }
    let found = section.texts(key, nonEmpty: true) { (text) throws(Invalid) in
      try TLSAlgorithm.find(text, among: known, what).openSSL
    }
    var names: [String] = []
    for name in found ?? [] {
      if names.contains(name.value) { section.report.error(name.origin, "stands twice") }
      names.append(name.value)
    }
    return names
  }

  /// What is asked of clients; nil when nothing is.
  static func readClientCertificates(
    _ listener: Section, _ tls: Listener.TLSProfile
  ) -> ClientCertificates? {
    guard listener.has("client_certificates") else { return nil }
    let section = listener.section("client_certificates")
    var read: ClientCertificates = section.settings()
    read.origin = section.origin
    guard read.mode != .off else { return nil }
    if tls == .off {
      section.report.error(
        section.origin, "clients show certificates over TLS only", "remove it, or give the listener tls")
    }
    if !section.has("ca") {
      section.report.error(
        section.origin, "the key \"ca\" is missing", "name the authorities whose clients are let in")
    } else if read.ca.isEmpty, !section.report.hasErrors {
      section.report.error(section.origin(of: "ca"), "the list is empty")
    }
    return read
  }

  /// Requests in early data are taken with TLS only, and prove nobody's identity.
  static func checkEarlyData(
    _ listener: Section, _ tls: Listener.TLSProfile, _ clients: ClientCertificates?
  ) {
    if tls == .off {
      listener.report.error(
        listener.origin(of: "early_data"), "there is early data with TLS only", "remove it")
    } else if clients != nil {
      listener.report.error(
        listener.origin(of: "early_data"), "does not go with client_certificates",
        "what comes before the handshake's end may be a copy: it proves nobody's identity")
    }
  }
}

extension Section {
  /// Whether a section was written for a key that may also be a word.
  func holdsSection(_ key: String) -> Bool {
    guard let node = written(key), case .mapping = node.content else { return false }
    return true
  }
}
