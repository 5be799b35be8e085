import Bytes
import JSON
import PKI

/// Reads Traefik's `acme.json`, of version 2 and later.
struct TraefikReader {
  let files = ForeignFiles()
  let path: String
  /// The CA's directory, where the operator has named it: Traefik keeps the account's URL only.
  let directory: String?

  func read(_ state: inout ForeignState) throws {
    files.checkMode(path, &state)
    let document = try files.json(path)
    for (resolver, content) in document.members.sorted(by: { $0.key < $1.key }) {
      let place = "\(path): \(resolver)"
      let account = content["Account"]
      let url = account?["Registration"]?["uri"]?.string
      let authority = url.flatMap(KnownDirectories.authority)
      let known =
        directory.flatMap { KnownDirectories.authority(of: $0) == authority ? $0 : nil }
        ?? authority.flatMap(KnownDirectories.directory)
      if let url, let account {
        state.attempt("\(place): Account") { state in
          guard let known else {
            throw Unreadable("the directory of the CA at \(url) is not told; name it with --directory URL")
          }
          guard let der = account["PrivateKey"]?.string.flatMap({ Base64.decode($0) }) else {
            throw Unreadable("there is no PrivateKey in base 64")
          }
          state.accounts.append(
            ForeignAccount(
              directory: known, url: url,
              contacts: account["Registration"]?["body"]?["contact"]?.strings
                ?? account["Email"]?.string.map { ["mailto:\($0)"] } ?? [],
              key: try PrivateKey(der: der), place: place))
        }
      }
      for (index, entry) in (content["Certificates"]?.elements ?? []).enumerated() {
        let name = entry["domain"]?["main"]?.string ?? "\(index)"
        state.attempt("\(place): \(name)") { state in
          guard let key = entry["key"]?.string.flatMap({ Base64.decode($0) }),
            let chain = entry["certificate"]?.string.flatMap({ Base64.decode($0) })
          else { throw Unreadable("certificate and key are not both there in base 64") }
          state.certificates.append(
            ForeignCertificate(
              name: name, place: "\(place): \(name)", key: try PrivateKey(pem: key),
              chain: try CertificateChain(pem: chain), directory: known, account: url))
        }
      }
    }
    if !state.certificates.isEmpty {
      state.note(path, "how names are proven stands in traefik's static configuration, which is not read")
    }
  }
}
