import ArgumentParser
import CertStore
import OS
import PKI

struct ImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract:
      "Go on with what another program has: certificates, keys, accounts, or a proxy's configuration.",
    discussion: """
      Example: certd import certbot --write certd.yaml
      Example: certd import lego /srv/.lego --dry-run

      Certificates, private keys and ACME accounts go into certd's store; the configuration that goes on with them is \
      printed, or written with --write. No CA is asked for anything, renewals are due when they were, and nothing of the \
      other program is changed: turn its timer off afterwards. Doing it again changes nothing. What could not be carried \
      is told on standard error, with the reason. Exit status: 0 carried; 1 something could not be.
      """)

  enum Program: String, CaseIterable, ExpressibleByArgument {
    case certbot, lego, caddy, traefik
    case acmeSh = "acme.sh"
    case proxyManager = "nginx-proxy-manager"
    case nginx, caddyfile, haproxy
  }

  @Argument(
    help:
      "certbot, lego, acme.sh, caddy, traefik, nginx-proxy-manager; or a proxy's file: nginx, caddyfile, haproxy."
  ) var program: Program
  @Argument(help: "Its directory or file (default: where it usually is).") var path: String?
  @Option(name: .shortAndLong, help: "Configuration file that names the store.") var config: String?
  @Option(help: "Directory of the certificate store.") var store: String?
  @Option(help: "Write the configuration to this file, which must not be there yet.") var write: String?
  @Flag(help: "Write over the file of --write.") var force = false
  @Flag(name: .customLong("dry-run"), help: "Tell what would be taken; the store stays as it is.")
  var dryRun =
    false
  @Option(help: "URL of the CA's directory, for programs that do not keep it (lego, traefik, old Caddy).")
  var directory: String?
  @Option(name: .customLong("acme-root"), help: "PEM file of a root that is trusted for the CA's directory.")
  var acmeRoot: [String] = []
  @Option(
    name: .customLong("dns-exec"),
    help: "Program for DNS-01 (docs/dns-01.md); wildcards need it to be renewed.")
  var dnsExec: String?

  @Flag(
    name: .customLong("agree-tos"),
    help:
      "Agree to the CA's terms, where no account came over, and for hosts of a proxy's file without certificates."
  )
  var agreeTOS = false

  func run() async throws {
    do throws(SetupError) { try take() } catch { throw Failure.exit(error) }
  }

  private func take() throws(SetupError) {
    var state = ForeignState()
    let place = path ?? Self.usualPlace(program)
    guard let place else { throw .other("\(program.rawValue): name the directory or file that it keeps") }
    do {
      if let made = try proxy(place) { return try tell(made, place) }
      try read(place, &state)
    } catch let error as SetupError { throw error } catch { throw .other("\(error)") }
    for certificate in state.certificates {
      guard let provider = certificate.dnsProvider, dnsExec == nil else { continue }
      state.note(
        certificate.place,
        "its names were proven by \(provider); certd proves them by http-01 or tls-alpn-01, and wildcards by a program of "
          + "yours: --dns-exec, or acme.dns01 (docs/dns-01.md)")
    }
    if state.accounts.isEmpty, !agreeTOS, state.certificates.contains(where: { $0.directory != nil }) {
      state.note(
        place,
        "there is no account in it: the next one is registered where acme.agree_tos is true (--agree-tos)")
    }
    let named = try StoreOptions.named(store, config)
    let opened =
      dryRun
      ? try StoreLocation.openPresent(named) { Output.error("certd: store: \($0)") }
      : try StoreLocation.open(named) { Output.error("certd: store: \($0)") }
    let roots = acmeRoot.map { ForeignFiles().absolute($0) }
    let program = dnsExec.map { ForeignFiles().absolute($0) }
    let result = Takeover(
      state: state, roots: roots, dnsProgram: program, isDryRun: dryRun, now: World.now()
    ).run(opened)
    tell(result)
    let root = opened?.root ?? ForeignFiles().absolute(StoreLocation.path(named))
    let text = TakeoverConfiguration(
      result: result,
      heading: "Made by 'certd import \(self.program.rawValue) \(place)'; check it with 'certd check'.",
      store: store == nil && config == nil ? nil : root, storeRoot: root, roots: roots, dnsProgram: program,
      agreesToTerms: agreeTOS
    ).text()
    try GeneratedFile.put(text, at: write, force: force)
    if result.state.hasFailed { throw .other("not everything could be carried; see above") }
  }

  private func read(_ place: String, _ state: inout ForeignState) throws {
    switch program {
    case .certbot: try CertbotReader(root: place).read(&state)
    case .lego: try LegoReader(root: place, directory: directory).read(&state)
    case .acmeSh: try AcmeShReader(root: place).read(&state)
    case .caddy: try CaddyReader(root: place, directory: directory).read(&state)
    case .traefik: try TraefikReader(path: place, directory: directory).read(&state)
    case .proxyManager: try ProxyManagerReader(root: place).read(&state)
    case .nginx, .caddyfile, .haproxy: break
    }
  }

  /// What a proxy's file says; nil for the other programs.
  private func proxy(_ place: String) throws -> ImportedProxy? {
    switch program {
    case .nginx: try NginxImport(place).made
    case .caddyfile: try CaddyfileImport(place).made
    case .haproxy: try HAProxyImport(place).made
    default: nil
    }
  }

  private func tell(_ made: ImportedProxy, _ place: String) throws(SetupError) {
    for remark in made.remarks {
      Output.error("\(remark.file):\(remark.line): not carried, or worth a look: \(remark.words)")
    }
    guard !made.routes.isEmpty else {
      throw .other(
        "\(place): nothing in it passes requests on to a backend in a way that certd could go on with")
    }
    let open = made.listeners.count { !$0.redirects }
    if open > 1 {
      Output.error("worth a look: it listened at \(open) addresses; certd's routes hold at each of them")
    }
    Output.error(
      "\(made.routes.count) routes, \(made.services.count) services, \(made.remarks.count) remarks")
    let heading = "Made by 'certd import \(program.rawValue) \(place)'; check it with 'certd check'."
    try GeneratedFile.put(made.yaml(heading: heading, agreesToTerms: agreeTOS), at: write, force: force)
    // What the other program takes and certd does not is better known at once.
    if let write { _ = try ConfigurationSource.file(write, store: nil).read() }
  }

  private func tell(_ result: Takeover.Result) {
    for (account, outcome) in result.accounts { Output.error("account \(account.url): \(outcome)") }
    for taken in result.taken {
      let leaf = taken.certificate.chain.leaf
      Output.error(
        "\(taken.name): \(taken.outcome), \(leaf.identifiers.count) names, valid until \(leaf.notAfter)")
    }
    for remark in result.state.remarks {
      Output.error("not carried, or worth a look: \(remark.place): \(remark.words)")
    }
    Output.error("\(result.taken.count) certificates, \(result.accounts.count) accounts")
  }

  /// Where a program keeps its things unless it was told otherwise.
  private static func usualPlace(_ program: Program) -> String? {
    let environment = Subprocess.inheritedEnvironment()
    let home = environment["HOME"] ?? "/root"
    let files = ForeignFiles()
    switch program {
    case .certbot: return "/etc/letsencrypt"
    case .lego: return ".lego"
    case .acmeSh: return "\(home)/.acme.sh"
    case .caddy:
      return [
        environment["XDG_DATA_HOME"].map { "\($0)/caddy" } ?? "\(home)/.local/share/caddy",
        "/var/lib/caddy/.local/share/caddy",
      ].first(where: files.isDirectory)
    case .nginx: return "/etc/nginx/nginx.conf"
    case .caddyfile: return "/etc/caddy/Caddyfile"
    case .haproxy: return "/etc/haproxy/haproxy.cfg"
    case .traefik, .proxyManager: return nil
    }
  }
}

/// A configuration that certd has made: on standard output, or in a file of its own.
enum GeneratedFile {
  /// Over another file only when that is wished; one with the same text stays.
  static func put(_ text: String, at path: String?, force: Bool) throws(SetupError) {
    guard let path else { return Output.line(text) }
    let bytes = Array((text + "\n").utf8)
    do {
      if let there = try FileSystem().readIfPresent(path, limitInBytes: ConfigurationSource.maximumFileBytes)
      {
        if there == bytes { return }
        guard force else {
          throw SetupError.other("\(path) is there already and stays as it is; give another name, or --force")
        }
      }
      try FileSystem().publish(path, bytes, mode: 0o644)
    } catch let error as SetupError { throw error } catch { throw .other("\(error)") }
  }
}
