import PKI

/// Reads what nginx-proxy-manager keeps: certbot's tree in `letsencrypt`, and own certificates in `data/custom_ssl`.
struct ProxyManagerReader {
  let files = ForeignFiles()
  let root: String

  func read(_ state: inout ForeignState) throws {
    let tree = ["\(root)/letsencrypt", "\(root)/data/letsencrypt", root].first {
      files.isDirectory($0 + "/renewal")
    }
    let custom = ["\(root)/data/custom_ssl", "\(root)/custom_ssl"].first(where: files.isDirectory)
    guard tree != nil || custom != nil else {
      throw Unreadable(
        "\(root) has neither letsencrypt/renewal nor data/custom_ssl: it is not nginx-proxy-manager's")
    }
    if let tree {
      try CertbotReader(root: tree).read(&state)
      for index in state.certificates.indices {
        // npm-1 says nothing to anybody; its webroot is inside of its container.
        state.certificates[index].name =
          state.certificates[index].chain.leaf.identifiers.first?.description ?? ""
        state.certificates[index].webroot = nil
      }
    }
    for name in try custom.map(files.list) ?? [] {
      let base = "\(custom ?? "")/\(name)"
      state.attempt(base) { state in
        let (chain, key) = (base + "/fullchain.pem", base + "/privkey.pem")
        guard try files.chain(chain).leaf.matches(files.key(key, &state)) else {
          throw Unreadable("the key belongs to another certificate")
        }
        state.served.append((files.absolute(chain), files.absolute(key)))
      }
    }
    state.note(root, "hosts and their targets: 'certd import nginx' reads each file of data/nginx/proxy_host")
  }
}
