import Bytes
import CertStore
import Configuration
import OS
import PKI
import TLS

extension Credential {
  /// Its leaf, if it can be read.
  var leaf: PKI.Certificate? { chain.first.flatMap { try? PKI.Certificate(der: $0) } }

  /// Its chain, if it can be read.
  var pkiChain: CertificateChain? {
    let all = chain.compactMap { try? PKI.Certificate(der: $0) }
    return all.first.map { CertificateChain(leaf: $0, intermediates: Array(all.dropFirst())) }
  }
}

/// What the proxy presents: certificates from files, and those of the store.
enum Credentials {
  /// The largest certificate or key file, in bytes.
  static let maximumFileBytes = CertificateFile.maximumBytes
  /// The largest file with a password, in bytes.
  static let maximumPasswordBytes = 4096

  /// What the files of a configuration hold.
  struct Loaded: Sendable {
    /// Those that can be presented, in the configuration's order.
    var credentials: [Credential] = []
    /// The others, by file, with what is wrong in words that tell the place.
    var broken: [(file: String, reason: String)] = []
    /// Whether one cannot be used and was not known before either, so that nobody can tell what it is for.
    var hasUnknown = false

    /// Whether a host's certificate is, or may be, in a file: one that cannot be read may be for anything but what has
    /// been obtained before, which goes on being renewed.
    func cover(_ host: String, besides store: CertStore?) -> Bool {
      if Credentials.cover(credentials, host) { return true }
      guard hasUnknown else { return false }
      let lineage = LineageName(WantedCertificate.storeName(of: host))
      return lineage.flatMap { store?.currentGeneration(of: $0) } == nil
    }

    /// Throws everything that is broken, for who checks rather than serves.
    func whole() throws(SetupError) -> Loaded {
      guard broken.isEmpty else { throw .configuration(broken.map(\.reason).joined(separator: "\n")) }
      return self
    }
  }

  /// The certificates that a configuration takes from files, each checked: it parses, and the key belongs to it. One
  /// that cannot be used stops no other: its last good state is taken from `known`.
  static func load(_ configuration: Configuration, known: [Credential] = []) -> Loaded {
    var loaded = Loaded()
    for case .files(let files) in configuration.certificates {
      do throws(FileProblem) {
        loaded.credentials.append(try credential(files.certificate, found(files, configuration)))
      } catch {
        let reason = configuration.error(at: files.origin, error.description).description
        loaded.broken.append((files.certificate, reason))
        if let last = known.first(where: { $0.label == files.certificate }) {
          loaded.credentials.append(last)
        } else {
          loaded.hasUnknown = true
        }
      }
    }
    return loaded
  }

  /// What is good enough to be presented and still worth a word, by file. Reads the system's roots: a daemon asks when its
  /// workers are there, which else would get their memory from among what is left of them.
  static func remarks(
    _ configuration: Configuration, _ judge: CertificateJudge = CertificateJudge()
  ) -> [(file: String, words: String)] {
    let now = World.now()
    var remarks: [(file: String, words: String)] = []
    for case .files(let files) in configuration.certificates {
      guard let pair = try? found(files, configuration) else { continue }
      let words =
        pair.remarks + judge.findings(pair.chain, now: now).map { told($0, files) }
        + unused(pair.chain.leaf, configuration)
      remarks += words.map { (files.certificate, $0) }
    }
    return remarks
  }

  private static func told(_ finding: CertificateFinding, _ files: CertificateFiles) -> String {
    guard case .missingIntermediate = finding else { return finding.description }
    return finding.description
      + (files.fetchesIssuers
        ? " (certd run fetches it where it can)" : ", or let certd run fetch it by fetch_issuers: true")
  }

  /// A certificate that no route has a name of is nobody's.
  static func unused(_ leaf: PKI.Certificate, _ configuration: Configuration) -> [String] {
    let hosts = configuration.routes.flatMap(\.hosts).map(\.value)
    guard !hosts.isEmpty, !hosts.contains(.any) else { return [] }
    let own = names(leaf)
    let isUsed = hosts.contains { host in
      let host = host.description
      // A route for `*.example.com` uses a certificate for one of its hosts, and the other way round.
      return own.contains { $0 == host || matches($0, wildcard: host) || matches(host, wildcard: $0) }
    }
    return isUsed || own.isEmpty
      ? [] : ["no route has one of its names: \(own.prefix(3).joined(separator: ", "))"]
  }

  private static func matches(_ host: String, wildcard: String) -> Bool {
    guard wildcard.hasPrefix("*."), let dot = host.firstIndex(of: ".") else { return false }
    return host[dot...] == wildcard.dropFirst()
  }

  /// One certificate with its key, checked in the same way.
  static func load(
    _ files: CertificateFiles, _ configuration: Configuration
  ) throws(SetupError) -> Credential {
    do throws(FileProblem) {
      return try credential(files.certificate, found(files, configuration))
    } catch {
      throw .configuration(configuration.error(at: files.origin, error.description).description)
    }
  }

  /// A pair of files as they are, without the issuers that were fetched for it.
  static func plainPair(
    _ files: CertificateFiles, _ configuration: Configuration
  ) throws(SetupError) -> CertificatePair {
    do throws(FileProblem) { return try pair(files) } catch {
      throw .configuration(configuration.error(at: files.origin, error.description).description)
    }
  }

  /// A pair of files with its chain in order and its key.
  static func pair(
    _ files: CertificateFiles, _ configuration: Configuration
  ) throws(SetupError) -> CertificatePair {
    do throws(FileProblem) { return try found(files, configuration) } catch {
      throw .configuration(configuration.error(at: files.origin, error.description).description)
    }
  }

  private struct FileProblem: Error { let description: String }

  /// A pair of files, with the issuers that were fetched for it.
  private static func found(
    _ files: CertificateFiles, _ configuration: Configuration
  ) throws(FileProblem) -> CertificatePair {
    let plain = try pair(files)
    guard files.fetchesIssuers else { return plain }
    let known = FetchedIssuers(root: StoreLocation.path(configuration.store))
    return plain.followed(by: known.issuers(after: plain.chain.last, now: World.now()))
  }

  private static func pair(_ files: CertificateFiles) throws(FileProblem) -> CertificatePair {
    let password = try files.passwordFile.map(password)
    func file(_ path: String) throws(FileProblem) -> CertificateFile {
      let bytes = try read(path, maximumFileBytes)
      do throws(PKIError) { return try CertificateFile(bytes, path: path, password: password) } catch {
        throw FileProblem(description: "\(path): \(error)")
      }
    }
    let certificates = try file(files.certificate)
    let keys = files.key == files.certificate ? nil : try file(files.key)
    do throws(PKIError) {
      return try CertificatePair(certificates, path: files.certificate, keys: keys, keyPath: files.key)
    } catch { throw FileProblem(description: error.reason) }
  }

  /// The first line of a file.
  private static func password(_ path: String) throws(FileProblem) -> String {
    let bytes = try read(path, maximumPasswordBytes)
    return String(decoding: bytes.prefix { $0 != 0x0A && $0 != 0x0D }, as: UTF8.self)
  }

  private static func read(_ path: String, _ limit: Int) throws(FileProblem) -> [UInt8] {
    do throws(SystemError) {
      return try FileSystem().read(path, limitInBytes: limit, followingLinks: true)
    } catch { throw FileProblem(description: "\(error)") }
  }

  /// What OpenSSL always takes, in bits of security: RSA 2048, P-256, SHA-256 and better.
  private static let plainSecurityBits = 112

  /// One that is weaker is shown to OpenSSL first: the others would fall with it.
  private static func credential(
    _ label: String, _ pair: CertificatePair
  ) throws(FileProblem) -> Credential {
    do {
      let made = credential(label, pair.chain, try pair.key.pem())
      let all = [pair.chain.leaf] + pair.chain.intermediates
      guard all.contains(where: { $0.securityBits < plainSecurityBits }) else { return made }
      _ = try ServerContext(
        credentials: [made], profile: .compatible, tickets: TicketKeys(random: { Random.bytes($0) }))
      return made
    } catch { throw FileProblem(description: "\(label): \(error)") }
  }

  /// A certificate of the store.
  static func credential(_ stored: StoredCertificate) -> Credential? {
    guard let pem = try? stored.key.pem() else { return nil }
    return credential(stored.name.description, stored.chain, pem)
  }

  private static func credential(_ label: String, _ chain: CertificateChain, _ key: [UInt8]) -> Credential {
    Credential(
      label: label, chain: ([chain.leaf] + chain.intermediates).map(\.der), privateKeyPEM: key,
      names: names(chain.leaf))
  }

  private static func names(_ leaf: PKI.Certificate) -> [String] {
    let names = leaf.identifiers.map(\.description)
    return names.isEmpty ? leaf.commonName.map { [$0.lowercased()] } ?? [] : names
  }

  /// Whether one of the credentials answers for a host, exactly or by a wildcard for its first label.
  static func cover(_ credentials: [Credential], _ host: String) -> Bool {
    credentials.contains { credential in
      credential.names.contains { $0 == host || matches(host, wildcard: $0) }
    }
  }
}
