import Bytes
import PKI

/// Reads acme.sh's directory: `NAME/` or `NAME_ecc/` with `NAME.conf`, and `ca/HOST/PATH…/`.
struct AcmeShReader {
  let files = ForeignFiles()
  let root: String

  func read(_ state: inout ForeignState) throws {
    guard files.isDirectory(root) else { throw Unreadable("\(root) is no directory") }
    var hasAny = false
    for folder in try files.list(root) where files.isDirectory("\(root)/\(folder)") && folder != "ca" {
      let name = folder.hasSuffix("_ecc") ? String(folder.dropLast(4)) : folder
      let conf = "\(root)/\(folder)/\(name).conf"
      guard files.isFile(conf) else { continue }
      hasAny = true
      state.attempt(conf) { try readCertificate(name, folder, conf, &$0) }
    }
    guard hasAny || files.isDirectory(root + "/ca") else {
      throw Unreadable("\(root) has neither certificates nor accounts of acme.sh's (~/.acme.sh)")
    }
    readAccounts(root + "/ca", 0, &state)
  }

  private func readCertificate(
    _ name: String, _ folder: String, _ place: String, _ state: inout ForeignState
  ) throws {
    let values = ShellValues(try files.text(place))
    let base = "\(root)/\(folder)"
    guard files.isFile("\(base)/fullchain.cer") else {
      throw Unreadable("\(base)/fullchain.cer is not there: it was never issued")
    }
    var certificate = ForeignCertificate(
      name: folder, place: place, key: try files.key("\(base)/\(name).key", &state),
      chain: try files.chain("\(base)/fullchain.cer"), directory: values["Le_API"])
    if let text = values["Le_NextRenewTime"], let seconds = Int64(text) {
      certificate.renewAt = UnixTime(seconds: seconds)
    }
    let proofs = (values["Le_Webroot"] ?? "no").split(separator: ",").map(\.trimmed)
    if let provider = proofs.first(where: { $0.hasPrefix("dns") }) { certificate.dnsProvider = provider }
    let folders = Set(proofs.filter { $0.hasPrefix("/") })
    certificate.webroot = folders.sorted().first
    if folders.count > 1 {
      state.note(
        place, "names have several webroots (\(folders.sorted().joined(separator: ", "))); certd has one")
    }
    for hook in ["Le_ReloadCmd", "Le_RenewHook"] { values[hook].map { certificate.hooks.append($0) } }
    for (key, hooks) in [("Le_PreHook", \ForeignState.preHooks), ("Le_PostHook", \.postHooks)] {
      if let hook = values[key], !state[keyPath: hooks].contains(hook) { state[keyPath: hooks].append(hook) }
    }
    for (key, copy) in [
      ("Le_RealCertPath", "cert"), ("Le_RealCACertPath", "chain"), ("Le_RealKeyPath", "key"),
      ("Le_RealFullChainPath", "fullchain"),
    ] {
      if let path = values[key] { certificate.copies[copy] = path }
    }
    state.certificates.append(certificate)
  }

  private func readAccounts(_ path: String, _ depth: Int, _ state: inout ForeignState) {
    guard depth < 8, let names = try? files.list(path) else { return }
    if names.contains("account.key") {
      state.attempt(path) { state in
        let values = ShellValues(names.contains("ca.conf") ? try files.text(path + "/ca.conf") : "")
        guard let url = values["ACCOUNT_URL"] else { throw Unreadable("ca.conf has no ACCOUNT_URL") }
        let directory = "https://" + path.dropFirst(root.count + "/ca/".count)
        state.accounts.append(
          ForeignAccount(
            directory: directory, url: url,
            contacts: values["CA_EMAIL"].map { ["mailto:\($0)"] } ?? [],
            key: try files.key(path + "/account.key", &state), place: path))
      }
    }
    for name in names where files.isDirectory("\(path)/\(name)") {
      readAccounts("\(path)/\(name)", depth + 1, &state)
    }
  }
}

/// `NAME='value'` lines as acme.sh writes them; nothing is expanded or run.
struct ShellValues {
  private var values: [String: String] = [:]

  init(_ text: String) {
    for line in text.split(whereSeparator: \.isNewline) {
      guard let equals = line.firstIndex(of: "="), !line.hasPrefix("#") else { continue }
      var value = line[line.index(after: equals)...].trimmed
      if let quote = value.first, quote == "'" || quote == "\"", value.last == quote, value.count > 1 {
        value = String(value.dropFirst().dropLast())
      }
      let (start, end) = ("__ACME_BASE64__START_", "__ACME_BASE64__END_")
      if value.hasPrefix(start), value.hasSuffix(end) {
        let inner = String(value.dropFirst(start.count).dropLast(end.count))
        value = Base64.decode(inner).map { String(decoding: $0, as: UTF8.self) } ?? ""
      }
      values[line[..<equals].trimmed] = value
    }
  }

  subscript(name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }
}
