import JSON
import PKI

/// Reads lego's directory: `certificates/NAME.{crt,key,json}` and `accounts/HOST/MAIL/`.
struct LegoReader {
  let files = ForeignFiles()
  let root: String
  /// The CA's directory, where the operator has named it: lego keeps its host only.
  let directory: String?

  func read(_ state: inout ForeignState) throws {
    let folder = root + "/certificates"
    guard files.isDirectory(folder) else {
      throw Unreadable("\(root) has no certificates directory: it is not lego's (.lego, or its --path)")
    }
    for file in try files.list(folder) where file.hasSuffix(".crt") && !file.hasSuffix(".issuer.crt") {
      let name = String(file.dropLast(4))
      state.attempt("\(folder)/\(file)") { try readCertificate(name, &$0) }
    }
    for host in (try? files.list(root + "/accounts")) ?? [] {
      for mail in (try? files.list("\(root)/accounts/\(host)")) ?? [] {
        let path = "\(root)/accounts/\(host)/\(mail)"
        state.attempt(path) { try readAccount(path, host, mail, &$0) }
      }
    }
    if !state.certificates.isEmpty {
      state.note(
        root, "lego keeps neither challenges nor hooks: what its command line said goes into certd.yaml")
    }
  }

  private func readCertificate(_ name: String, _ state: inout ForeignState) throws {
    let base = "\(root)/certificates/\(name)"
    let key = try files.key(base + ".key", &state)
    var chain = try files.chain(base + ".crt")
    // Without --bundle the issuers stand in a file of their own.
    if chain.intermediates.isEmpty, files.isFile(base + ".issuer.crt") {
      chain = try files.chain(base + ".crt", base + ".issuer.crt")
    }
    let url = files.isFile(base + ".json") ? try files.json(base + ".json")["certUrl"]?.string : nil
    state.certificates.append(
      ForeignCertificate(
        name: chain.leaf.identifiers.first?.description ?? name, place: base + ".crt", key: key, chain: chain,
        directory: directory ?? url.flatMap(KnownDirectories.authority).flatMap(KnownDirectories.directory)))
  }

  private func readAccount(_ path: String, _ host: String, _ mail: String, _ state: inout ForeignState) throws
  {
    let document = try files.json(path + "/account.json")
    guard let url = document["registration"]?["uri"]?.string else {
      throw Unreadable("account.json has no uri: it was never registered")
    }
    let known = KnownDirectories.authority(of: url).flatMap { authority in
      directory.flatMap { KnownDirectories.authority(of: $0) == authority ? $0 : nil }
        ?? KnownDirectories.directory(host: authority)
    }
    guard let known else {
      throw Unreadable("lego keeps the host \(host) only; name the CA's directory with --directory URL")
    }
    let key = try files.key("\(path)/keys/\(mail).key", &state)
    state.accounts.append(
      ForeignAccount(
        directory: known, url: url, contacts: document["registration"]?["body"]?["contact"]?.strings ?? [],
        key: key, place: path))
  }
}
