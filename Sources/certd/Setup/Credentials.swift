import Bytes
import CertStore
import Configuration
import OS
import PKI
import TLS

extension Credential {
  /// Its leaf, if it can be read.
  var leaf: PKI.Certificate? { chain.first.flatMap { try? PKI.Certificate(der: $0) } }
}

/// What the proxy presents: certificates from files, and those of the store.
enum Credentials {
  /// The largest certificate or key file, in bytes.
  static let maximumFileBytes = 1 << 20

  /// The certificates that a configuration takes from files, each checked: it parses, and the key belongs to it.
  static func load(_ configuration: Configuration) throws(SetupError) -> [Credential] {
    var loaded: [Credential] = []
    for case .files(let files) in configuration.certificates {
      loaded.append(try load(files, configuration))
    }
    return loaded
  }

  /// One certificate with its key, checked in the same way.
  static func load(
    _ files: ConfiguredFiles, _ configuration: Configuration
  ) throws(SetupError) -> Credential {
    do throws(FileProblem) { return try load(files) } catch {
      throw .configuration(configuration.error(at: files.origin, error.description).description)
    }
  }

  private struct FileProblem: Error { let description: String }

  private static func load(_ files: ConfiguredFiles) throws(FileProblem) -> Credential {
    let chainPEM = try read(files.certificate)
    let keyPEM = try read(files.key)
    let chain: CertificateChain
    do throws(PKIError) { chain = try CertificateChain(pem: chainPEM) } catch {
      throw FileProblem(description: "\(files.certificate): \(error)")
    }
    let key: PrivateKey
    do throws(PKIError) { key = try PrivateKey(pem: keyPEM) } catch {
      throw FileProblem(description: "\(files.key): \(error)")
    }
    guard chain.leaf.matches(key) else {
      throw FileProblem(
        description: "the key in \(files.key) does not belong to the certificate in \(files.certificate)")
    }
    return credential(files.certificate, chain, keyPEM)
  }

  private static func read(_ path: String) throws(FileProblem) -> [UInt8] {
    do throws(SystemError) {
      return try FileSystem().read(path, limitInBytes: maximumFileBytes, followingLinks: true)
    } catch { throw FileProblem(description: "\(error)") }
  }

  /// A certificate of the store.
  static func credential(_ stored: StoredCertificate) -> Credential? {
    guard let pem = try? stored.key.pem() else { return nil }
    return credential(stored.name.description, stored.chain, pem)
  }

  private static func credential(_ label: String, _ chain: CertificateChain, _ key: [UInt8]) -> Credential {
    var names = chain.leaf.identifiers.map(\.description)
    if names.isEmpty, let common = chain.leaf.commonName { names = [common.lowercased()] }
    return Credential(
      label: label, chain: ([chain.leaf] + chain.intermediates).map(\.der), privateKeyPEM: key, names: names)
  }

  /// Whether one of the credentials answers for a host, exactly or by a wildcard for its first label.
  static func cover(_ credentials: [Credential], _ host: String) -> Bool {
    let wildcard = host.firstIndex(of: ".").map { "*" + host[$0...] }
    return credentials.contains { credential in
      credential.names.contains(host) || wildcard.map { credential.names.contains($0) } ?? false
    }
  }
}

/// Notices that files were replaced, without opening them.
struct FileWatch: Equatable, Sendable {
  private var states: [String: FileStatus] = [:]

  /// The present state of some files.
  init(_ files: [ConfiguredFiles]) { self.init(paths: files.flatMap { [$0.certificate, $0.key] }) }

  /// The present state of some files.
  init(paths: [String]) {
    for path in paths {
      states[path] = try? FileSystem().status(path, followingLinks: true)
    }
  }
}
