/// What `certd run` can be told by flags alone.
public struct InlineOptions: Sendable {
  /// `--domain`: hosts to serve; none for every host.
  public var domains: [String]
  /// `--ip`: IP addresses to serve; they share one certificate.
  public var addresses: [String] = []
  /// `--backend`: servers behind them.
  public var backends: [String]
  /// `--kind`: what the backends are; nil for what they are recognised as.
  public var kind: String?
  /// `--email`: contact for the CA.
  public var email: String?
  /// `--agree-tos`.
  public var agreesToTerms = false
  /// `--issuer`: a preset's name, or the URL of an ACME directory.
  public var issuer: String?
  /// `--acme-root`: PEM files of roots trusted for that directory.
  public var roots: [String] = []
  /// `--eab-kid`: key identifier of an external account at that CA.
  public var externalAccountKeyID: String?
  /// `--eab-key-file`: the file with its MAC key.
  public var externalAccountKeyFile: String?
  /// `--https-address`.
  public var httpsAddress = ":443"
  /// `--http-address`: redirects and answers challenges; nil for none.
  public var httpAddress: String? = ":80"
  /// Whether somebody has said so: what only a default asks for is left where its port is not to be had.
  public var isHTTPAddressChosen = false
  /// `--dns-exec`: a program that changes zones for DNS-01; nil for none.
  public var dnsProgram: String?
  /// `GOOGLE_CLOUD_PROJECT`, for an issuer that gives keys to projects.
  public var googleProject: String?
  /// `--store`.
  public var store: String?

  /// Options that the caller fills in.
  public init(domains: [String] = [], backends: [String] = []) {
    self.domains = domains
    self.backends = backends
  }
}

extension Configuration {
  /// The same value that a file with these settings would give; errors name the flags.
  /// Relative paths start from `baseDirectory`.
  public static func inline(
    _ options: InlineOptions, baseDirectory: String, recognized: [String: ServiceKind] = [:]
  ) throws(ConfigurationErrors) -> Reading {
    let report = Report(file: "command line", baseDirectory: baseDirectory, recognized: recognized)
    do throws(ConfigurationErrors) {
      var reading = try read(tree(options), report)
      reading.configuration.hasDefaultPlainListener =
        !options.isHTTPAddressChosen && options.httpAddress != nil
      return reading
    } catch {
      throw ConfigurationErrors(
        errors: error.errors.map { naming(flagOf: $0) }, omitted: error.omitted)
    }
  }

  private static func tree(_ options: InlineOptions) -> YAMLNode {
    var acme: [(String, YAMLNode)] = [("agree_tos", scalar(options.agreesToTerms ? "true" : "false"))]
    if let email = options.email { acme.append(("email", scalar(email))) }
    if let issuer = options.issuer {
      let roots = list(options.roots)
      let isURL = issuer.contains("://")
      var section = [(isURL ? "directory" : "name", scalar(issuer)), ("roots", roots)]
      if let kid = options.externalAccountKeyID, let file = options.externalAccountKeyFile {
        section.append(("eab", mapping([("kid", scalar(kid)), ("key_file", scalar(file))])))
      }
      let isPreset = !isURL && options.roots.isEmpty && options.externalAccountKeyID == nil
      acme.append(("issuers", sequence([isPreset ? scalar(issuer) : mapping(section)])))
    }
    var listeners = [mapping([("address", scalar(options.httpsAddress))])]
    if let address = options.httpAddress {
      listeners.append(mapping([("address", scalar(address)), ("redirect", scalar("https"))]))
      acme.append(("http01", mapping([("address", scalar(address))])))
    }
    if let program = options.dnsProgram {
      acme.append(("dns01", mapping([("exec", scalar(program))])))
      // An address has no zone: it is proven in another way.
      let others = options.addresses.isEmpty ? [] : ["http-01", "tls-alpn-01"]
      acme.append(("challenges", list(["dns-01"] + others)))
    }
    var service: [(String, YAMLNode)] = [("backends", list(options.backends))]
    service.append(("kind", scalar(options.kind ?? ServiceKind.auto.rawValue)))
    var route: [(String, YAMLNode)] = [("service", scalar("default"))]
    let hosts = options.addresses + options.domains
    if !hosts.isEmpty { route.append(("hosts", list(hosts))) }
    var top: [(String, YAMLNode)] = [
      ("acme", mapping(acme)), ("listeners", sequence(listeners)), ("routes", sequence([mapping(route)])),
      ("services", mapping([("default", mapping(service))])),
    ]
    if !options.addresses.isEmpty {
      top.append(("certificates", sequence([mapping([("names", list(options.addresses))])])))
    }
    if let project = options.googleProject { top.append(("gcp", mapping([("project", scalar(project))]))) }
    if let store = options.store { top.append(("store", scalar(store))) }
    return mapping(top)
  }

  private static func scalar(_ text: String) -> YAMLNode {
    YAMLNode(content: .scalar(text, plain: text == "true" || text == "false"), position: .none)
  }

  private static func sequence(_ items: [YAMLNode]) -> YAMLNode {
    YAMLNode(content: .sequence(items), position: .none)
  }

  private static func list(_ items: [String]) -> YAMLNode { sequence(items.map(scalar)) }

  private static func mapping(_ members: [(String, YAMLNode)]) -> YAMLNode {
    let entries = members.map { YAMLNode.Entry(key: $0.0, position: .none, value: $0.1) }
    return YAMLNode(content: .mapping(entries), position: .none)
  }

  /// Which flag a path came from; the first prefix that fits counts.
  private static let flags: [(prefix: String, flag: String)] = [
    ("certificates", "--ip"), ("routes[0].hosts", "--domain"), ("routes[0]", "--domain"),
    ("services.default.kind", "--kind"), ("gcp", "GOOGLE_CLOUD_PROJECT"),
    ("services.default", "--backend"), ("acme.email", "--email"), ("acme.agree_tos", "--agree-tos"),
    ("acme.issuers[0].roots", "--acme-root"), ("acme.issuers[0].eab.key_file", "--eab-key-file"),
    ("acme.issuers[0].eab", "--eab-kid"), ("acme.issuers", "--issuer"),
    ("acme.http01", "--http-address"), ("acme.dns01", "--dns-exec"), ("acme.challenges", "--dns-exec"),
    ("listeners[0]", "--https-address"),
    ("listeners[1]", "--http-address"), ("store", "--store"),
  ]

  private static func naming(flagOf error: ConfigurationError) -> ConfigurationError {
    guard let flag = flags.first(where: { error.path.hasPrefix($0.prefix) })?.flag else { return error }
    let hint = flag == "--agree-tos" ? "read them and add --agree-tos" : error.hint
    return ConfigurationError(
      file: error.file, position: .none, path: flag, message: error.message, hint: hint)
  }
}
