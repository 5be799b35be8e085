import Bytes
import JSON
import PKI

/// Reads certbot's directory: `renewal/NAME.conf`, `live/NAME/`, `accounts/`, `renewal-hooks/`.
struct CertbotReader {
  let files = ForeignFiles()
  let root: String
  private let params = "renewalparams"
  /// certbot's own rule for certificates of 90 days, in days, which is also certd's: a third of the lifetime.
  private static let usualDays = 30

  func read(_ state: inout ForeignState) throws {
    guard files.isDirectory(root + "/renewal") else {
      throw Unreadable("\(root) has no renewal directory: it is not certbot's (/etc/letsencrypt)")
    }
    for file in try files.list(root + "/renewal") where file.hasSuffix(".conf") {
      let name = String(file.dropLast(5))
      state.attempt("\(root)/renewal/\(file)") { try readLineage(name, &$0) }
    }
    readAccounts(&state)
    for (folder, hooks) in [
      ("pre", \ForeignState.preHooks), ("post", \.postHooks), ("deploy", \.deployHooks),
    ] {
      let path = "\(root)/renewal-hooks/\(folder)"
      for file in (try? files.list(path)) ?? [] where files.isExecutable("\(path)/\(file)") {
        state[keyPath: hooks].append(files.absolute("\(path)/\(file)"))
      }
    }
  }

  private func readLineage(_ name: String, _ state: inout ForeignState) throws {
    let place = "\(root)/renewal/\(name).conf"
    let conf = INIFile(try files.text(place))
    // A tree that was copied from another machine has its files beside it, whatever its paths say.
    func path(_ file: String) throws -> String {
      let own = "\(root)/live/\(name)/\(file).pem"
      if files.isFile(own) { return own }
      if let named = conf["", file], files.isFile(named) { return named }
      throw Unreadable("\(own) is not there, nor what \(name).conf names")
    }
    let key = try files.key(try path("privkey"), &state)
    let chain = try files.chain(try path("fullchain"))
    var certificate = ForeignCertificate(
      name: name, place: place, key: key, chain: chain,
      directory: conf[params, "server"] ?? KnownDirectories.directory(host: "acme-v02.api.letsencrypt.org"))
    if let text = conf["", "renew_before_expiry"] {
      if let seconds = Self.seconds(text) {
        certificate.renewAt = chain.leaf.notAfter - seconds
      } else {
        state.note(
          place, "renew_before_expiry = \(text) is not understood; certd renews at a third of the lifetime")
      }
    }
    readProof(conf, place, &certificate, &state)
    if let hook = conf[params, "renew_hook"] ?? conf[params, "deploy_hook"] { certificate.hooks.append(hook) }
    if let hook = conf[params, "pre_hook"], !state.preHooks.contains(hook) { state.preHooks.append(hook) }
    if let hook = conf[params, "post_hook"], !state.postHooks.contains(hook) { state.postHooks.append(hook) }
    if let account = conf[params, "account"] { certificate.account = account }
    if conf[params, "autorenew"]?.lowercased() == "false" {
      state.note(place, "autorenew = False: certbot left it to expire, certd renews it")
    }
    for option in ["preferred_chain", "must_staple", "reuse_key", "installer"] {
      guard let value = conf[params, option], value.lowercased() != "false" else { continue }
      state.note(place, "\(option) = \(value) is not carried\(Self.remedy(option))")
    }
    state.certificates.append(certificate)
  }

  private static func remedy(_ option: String) -> String {
    switch option {
    case "preferred_chain": ": acme.preferred_chain says it, for all certificates"
    case "installer": ": certd serves the certificate itself; deploy (docs/configuration.md) reloads others"
    case "reuse_key": ": certd makes a new key at each renewal"
    default: ": CAs have given it up"
    }
  }

  private func readProof(
    _ conf: INIFile, _ place: String, _ certificate: inout ForeignCertificate, _ state: inout ForeignState
  ) {
    switch conf[params, "authenticator"] {
    case "webroot":
      let folders = Set(
        (conf.values["webroot_map"]?.values.map { $0 } ?? [])
          + (conf[params, "webroot_path"]?.split(separator: ",").map(\.trimmed) ?? []).filter { !$0.isEmpty })
      certificate.webroot = folders.sorted().first
      if folders.count > 1 {
        state.note(
          place, "names have several webroots (\(folders.sorted().joined(separator: ", "))); certd has one")
      }
    case "standalone", nil:
      let (host, port) = (conf[params, "http01_address"], conf[params, "http01_port"])
      if host != nil || port != nil { certificate.httpAddress = "\(host ?? ""):\(port ?? "80")" }
    case "nginx", "apache":
      let program = conf[params, "authenticator"] ?? ""
      state.note(
        place,
        "names were proven by changing \(program)'s configuration; certd answers on port 80 itself, or by "
          + "acme.http01.webroot where \(program) keeps that port")
    case let other?: certificate.dnsProvider = other
    }
  }

  /// `30 days`, `12 hours`, `2 weeks`.
  private static func seconds(_ text: String) -> Int64? {
    let words = text.split(separator: " ")
    guard let first = words.first, let number = Int64(first), number > 0, number < 10_000 else { return nil }
    switch words.dropFirst().first.map({ $0.hasSuffix("s") ? String($0.dropLast()) : String($0) }) {
    case "day", nil: return number * 86_400
    case "hour": return number * 3600
    case "week": return number * 7 * 86_400
    case "month": return number * 30 * 86_400
    default: return nil
    }
  }

  /// `accounts/HOST/PATH…/ID/`, each with `regr.json` and `private_key.json`.
  private func readAccounts(_ state: inout ForeignState) {
    // Depth is bounded: a CA's directory has few parts.
    func walk(_ path: String, _ parts: [String], _ state: inout ForeignState) {
      guard parts.count < 8, let names = try? files.list(path) else { return }
      if names.contains("regr.json") {
        state.attempt(path) { try readAccount(path, parts, &$0) }
        return
      }
      for name in names where files.isDirectory("\(path)/\(name)") {
        walk("\(path)/\(name)", parts + [name], &state)
      }
    }
    walk(root + "/accounts", [], &state)
    for index in state.certificates.indices {
      let id = state.certificates[index].account
      state.certificates[index].account =
        state.accounts.first { account in id.map { account.place.hasSuffix("/\($0)") } ?? false }?.url
    }
  }

  private func readAccount(_ path: String, _ parts: [String], _ state: inout ForeignState) throws {
    let registration = try files.json(path + "/regr.json")
    guard let url = registration["uri"]?.string else {
      throw Unreadable("regr.json has no uri of the account")
    }
    let directory = "https://" + parts.dropLast().joined(separator: "/")
    // A staging or old directory may be a link to another one's accounts.
    guard !state.accounts.contains(where: { $0.url == url && $0.directory == directory }) else { return }
    state.accounts.append(
      ForeignAccount(
        directory: directory, url: url, contacts: registration["body"]?["contact"]?.strings ?? [],
        key: try files.jwk(path + "/private_key.json", &state), place: path))
  }
}
