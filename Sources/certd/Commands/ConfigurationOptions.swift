import ArgumentParser
import Configuration
import OS
import PKI

/// Where the configuration comes from: a file, or flags for the common case.
struct ConfigurationOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: "Configuration file, 'off' for none (default: certd.yaml here, or /etc/certd/certd.yaml, if there)."
  )
  var config: String?

  @Option(help: "Directory of the certificate store.")
  var store: String?

  @Option(help: "Host to serve; may be repeated.")
  var domain: [String] = []

  @Option(help: "IP address of this machine to serve; may be repeated, with or without --domain.")
  var ip: [String] = []

  @Option(help: "Backend, as http://127.0.0.1:8000 or host:port; may be repeated.")
  var backend: [String] = []

  @Option(
    help:
      "What the backends are: auto (default), http, vllm, sglang, tgi, llama.cpp, triton, tf-serving, ollama."
  )
  var kind: String?

  @Option(help: "Contact for the CA.")
  var email: String?

  @Flag(name: .customLong("agree-tos"), help: "Agree to the CA's terms of service.")
  var agreeTOS = false

  @Option(help: "CA: letsencrypt, letsencrypt-staging, local, or the URL of an ACME directory.")
  var issuer: String?

  @Option(name: .customLong("eab-kid"), help: "Key identifier of an external account at the CA.")
  var eabKid: String?

  @Option(
    name: .customLong("eab-key-file"), help: "File with the external account's MAC key in base64url.")
  var eabKeyFile: String?

  @Option(name: .customLong("acme-root"), help: "PEM file of a root that is trusted for the ACME directory.")
  var acmeRoot: [String] = []

  @Option(name: .customLong("https-address"), help: "Address of the HTTPS listener (default: :443).")
  var httpsAddress: String?

  @Option(
    name: .customLong("http-address"),
    help: "Address for HTTP-01 answers and the redirect to HTTPS; 'off' for none (default: :80).")
  var httpAddress: String?

  @Option(
    name: .customLong("dns-exec"),
    help: "Program that puts DNS-01 records into the zone and removes them (docs/dns-01.md).")
  var dnsExec: String?

  func validate() throws {
    for text in ip where Identifier(text)?.isAddress != true {
      throw ValidationError("\(text) is not an IP address; names go to --domain")
    }
    guard (eabKid == nil) == (eabKeyFile == nil) else {
      throw ValidationError("--eab-kid and --eab-key-file go together, as the CA shows them")
    }
    guard eabKid == nil || issuer != nil else {
      throw ValidationError("--eab-kid needs the CA: add --issuer")
    }
    let definesAll = !domain.isEmpty || !ip.isEmpty || !backend.isEmpty
    // One that merely lies there is used only where the flags ask for nothing else.
    let implicit = config == nil && !definesAll ? ConfigurationSource.usualFile() : nil
    guard let file = config ?? implicit, config != "off" else { return }
    let others = [
      ("--domain", !domain.isEmpty), ("--ip", !ip.isEmpty),
      ("--backend", !backend.isEmpty), ("--kind", kind != nil),
      ("--eab-kid", eabKid != nil), ("--eab-key-file", eabKeyFile != nil), ("--email", email != nil),
      ("--agree-tos", agreeTOS), ("--acme-root", !acmeRoot.isEmpty),
      ("--https-address", httpsAddress != nil), ("--http-address", httpAddress != nil),
      ("--dns-exec", dnsExec != nil),
    ]
    guard let other = others.first(where: \.1)?.0 else { return }
    guard implicit == nil else {
      throw ValidationError(
        "\(other) has no effect beside the configuration \(file), which is there; write it in the file, or use none: "
          + "--config off")
    }
    throw ValidationError("\(other) has no effect beside --config; write it in the file")
  }

  /// The file named, or the first of the usual ones that exists when no flag says that there is none.
  func source() -> ConfigurationSource {
    let definesAll = !domain.isEmpty || !ip.isEmpty || !backend.isEmpty
    if config == "off" || definesAll && config == nil { return .flags(inline) }
    let usual = ConfigurationSource.usual(config, store: store)
    if case .file = usual { return usual }
    return .flags(inline)
  }

  private var inline: InlineOptions {
    var options = InlineOptions(domains: domain, backends: backend)
    options.addresses = ip.map { Identifier($0)?.description ?? $0 }
    options.kind = kind
    options.email = email
    options.agreesToTerms = agreeTOS
    options.issuer = issuer
    options.roots = acmeRoot
    options.externalAccountKeyID = eabKid
    options.externalAccountKeyFile = eabKeyFile
    if let httpsAddress { options.httpsAddress = httpsAddress }
    if let httpAddress { options.httpAddress = httpAddress == "off" ? nil : httpAddress }
    options.isHTTPAddressChosen = httpAddress != nil
    options.dnsProgram = dnsExec
    options.store = store
    options.nameGoogleProject()
    return options
  }
}

extension FileSystem {
  /// Whether a regular file is there, links followed.
  func isFile(_ path: String) -> Bool {
    (try? status(path, followingLinks: true))?.kind == .file
  }
}

extension InlineOptions {
  /// Google's public CA gives keys to projects; beside flags one is named as Google's own tools know it.
  mutating func nameGoogleProject() {
    let named = Subprocess.inheritedEnvironment()["GOOGLE_CLOUD_PROJECT"] ?? ""
    if issuer == "google", !named.isEmpty { googleProject = named }
  }
}
