import Bytes
import CertStore
import Configuration
import OS
import PKI
import TLS

/// What the proxy presents: certificates from files, and those of the store.
enum Credentials {
  typealias Loaded = Credential
  /// The largest certificate or key file, in bytes.
  static let maximumFileBytes = 1 << 20

  /// A certificate from files, checked: it parses, the key matches, the chain links.
  static func load(_ files: ConfiguredFiles) throws(SetupError) -> Credential {
    let fs = FileSystem()
    let chainPEM: [UInt8]
    let keyPEM: [UInt8]
    do throws(SystemError) {
      chainPEM = try fs.read(files.certificate, limitInBytes: maximumFileBytes, followingLinks: true)
      keyPEM = try fs.read(files.key, limitInBytes: maximumFileBytes, followingLinks: true)
    } catch { throw .configuration("\(error)") }
    let chain: CertificateChain
    do throws(PKIError) { chain = try CertificateChain(pem: chainPEM) } catch {
      throw .configuration("\(files.certificate): \(error)")
    }
    let key: PrivateKey
    do throws(PKIError) { key = try PrivateKey(pem: keyPEM) } catch {
      throw .configuration("\(files.key): \(error)")
    }
    guard chain.leaf.matches(key) else {
      throw .configuration("\(files.key): the key does not belong to the certificate in \(files.certificate)")
    }
    return credential(files.certificate, chain, keyPEM)
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
  init(_ files: [ConfiguredFiles]) {
    for path in files.flatMap({ [$0.certificate, $0.key] }) {
      states[path] = try? FileSystem().status(path, followingLinks: true)
    }
  }
}
