import JSON
import PKI

/// Reads Caddy's data directory: `certificates/CA/NAME/NAME.{crt,key,json}` and `acme/CA/users/MAIL/`.
struct CaddyReader {
  let files = ForeignFiles()
  let root: String
  /// The CA's directory, where the operator has named it: Caddy before 2.8 keeps it only as the name of a folder.
  let directory: String?

  func read(_ state: inout ForeignState) throws {
    let folder = root + "/certificates"
    guard files.isDirectory(folder) || files.isDirectory(root + "/acme") else {
      throw Unreadable(
        "\(root) has no certificates directory: it is not Caddy's data directory (~/.local/share/caddy, "
          + "/var/lib/caddy/.local/share/caddy)")
    }
    var directories: [String: String] = [:]
    for ca in try files.list(folder) {
      for name in try files.list("\(folder)/\(ca)") {
        let base = "\(folder)/\(ca)/\(name)/\(name)"
        if ca == "local" {
          state.note(
            base + ".crt",
            "is of Caddy's own CA, whose root certd does not have; the issuer 'local' is certd's own")
          continue
        }
        state.attempt(base + ".crt") { state in
          let data = try files.json(base + ".json")["issuer_data"]
          let directory =
            data?["ca"]?.string ?? named(ca) ?? data?["url"]?.string.flatMap(Self.known)
          if let directory { directories[ca] = directory }
          let chain = try files.chain(base + ".crt")
          state.certificates.append(
            ForeignCertificate(
              name: chain.leaf.identifiers.first?.description ?? name, place: base + ".crt",
              key: try files.key(base + ".key", &state), chain: chain, directory: directory,
              account: data?["account"]?.string))
        }
      }
    }
    for ca in try files.list(root + "/acme") where files.isDirectory("\(root)/acme/\(ca)/users") {
      for user in try files.list("\(root)/acme/\(ca)/users") {
        let path = "\(root)/acme/\(ca)/users/\(user)"
        state.attempt(path) { try readAccount(path, directories[ca] ?? named(ca), &$0) }
      }
    }
  }

  private func readAccount(_ path: String, _ directory: String?, _ state: inout ForeignState) throws {
    let names = try files.list(path)
    guard let file = names.first(where: { $0.hasSuffix(".json") }),
      let keyFile = names.first(where: { $0.hasSuffix(".key") })
    else { throw Unreadable("an account has a .json and a .key file") }
    let document = try files.json("\(path)/\(file)")
    guard let url = document["location"]?.string else {
      throw Unreadable("\(file) has no location: it was never registered")
    }
    guard let directory = directory ?? Self.known(url) else {
      throw Unreadable("no certificate tells the directory of the CA at \(url); name it with --directory URL")
    }
    state.accounts.append(
      ForeignAccount(
        directory: directory, url: url, contacts: document["contact"]?.strings ?? [],
        key: try files.key("\(path)/\(keyFile)", &state), place: path))
  }

  private static func known(_ url: String) -> String? {
    KnownDirectories.authority(of: url).flatMap(KnownDirectories.directory)
  }

  /// The directory that the operator has named, where Caddy's folder is called after it.
  private func named(_ folder: String) -> String? {
    guard let directory, directory.hasPrefix("https://") else { return nil }
    let name = directory.dropFirst(8).map { ":/".contains($0) ? "-" : $0 }
    return String(name) == folder ? directory : nil
  }
}
