internal import COpenSSL

/// Which credentials stand in for each other: for each name the first of each kind of key, presented by one context,
/// from which OpenSSL picks what the client can verify.
struct Pairing {
  /// The credentials of each context that is needed, by their places; every credential is in one at least, so that
  /// what does not load is found out.
  private(set) var groups: [[Int]] = []
  /// The group that answers for a name.
  private(set) var byName: [String: [Int]] = [:]
  /// What clients get that name an unknown server.
  private(set) var first: [Int] = []
  /// What clients get that name no server, where that is another one.
  private(set) var nameless: [Int]?

  init(_ credentials: [Credential]) {
    var kinds: [Int: String] = [:]
    func kind(_ index: Int) -> String {
      if let known = kinds[index] { return known }
      let kind = credentials[index].keyKind ?? ""
      kinds[index] = kind
      return kind
    }
    for (index, credential) in credentials.enumerated() {
      for name in credential.names {
        let present = byName[name] ?? []
        // Kinds are looked at only where names meet: reading every certificate would take its time.
        if present.isEmpty || !present.contains(where: { kind($0) == kind(index) }) {
          byName[name] = present + [index]
        }
      }
    }
    var seen: Set<[Int]> = []
    for (index, credential) in credentials.enumerated() {
      var isNeeded = false
      for name in credential.names {
        guard let group = byName[name], group.contains(index) else { continue }
        isNeeded = true
        if seen.insert(group).inserted { groups.append(group) }
      }
      if !isNeeded, seen.insert([index]).inserted { groups.append([index]) }
    }
    guard let leader = credentials.first else { return }
    first = leader.names.first.flatMap { byName[$0] } ?? [0]
    let addressed = credentials.lazy.flatMap(\.names).first(where: Self.isAddress)
    nameless = addressed.flatMap { byName[$0] }
  }

  private static func isAddress(_ name: String) -> Bool {
    name.contains(":") || name.utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) }
  }
}

extension Credential {
  /// The kind of its key as OpenSSL tells them apart, for instance `EC` or `RSA`; nil for a leaf that cannot be read.
  var keyKind: String? {
    let leaf = chain.first ?? []
    var bytes: UnsafePointer<UInt8>?
    let certificate = unsafe leaf.withUnsafeBufferPointer { buffer in
      unsafe bytes = buffer.baseAddress
      return unsafe d2i_X509(nil, &bytes, buffer.count)
    }
    guard let certificate = unsafe certificate else {
      Failure.clear()
      return nil
    }
    defer { unsafe X509_free(certificate) }
    guard let key = unsafe X509_get0_pubkey(certificate), let name = unsafe EVP_PKEY_get0_type_name(key)
    else { return nil }
    return unsafe String(cString: name)
  }
}
