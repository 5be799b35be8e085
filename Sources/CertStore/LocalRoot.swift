public import Bytes
import OS
public import PKI

/// The root of the built-in CA.
public struct LocalRoot: Sendable {
  /// Its key.
  public let key: PrivateKey
  /// Its self-signed certificate: what clients are to trust.
  public let certificate: Certificate
}

extension CertStore {
  private var localRootDirectory: String { layout.accounts + "/local/root" }

  /// The root of the built-in CA, or nil when there is none yet. A damaged one is moved to quarantine and
  /// reported, since every client will have to trust another one.
  public func localRoot(now: UnixTime) throws(StoreError) -> LocalRoot? {
    try doing("reading the root of the local CA") {
      guard try fs.statusIfPresent(localRootDirectory) != nil else { return nil }
      do {
        let key = try PrivateKey(
          pem: fs.read(localRootDirectory + "/key.pem", limitInBytes: PrivateKey.maximumPEMBytes))
        let found = try Certificate.parse(
          pem: fs.read(localRootDirectory + "/cert.pem", limitInBytes: Self.maximumPEMInBytes))
        guard let certificate = found.first, found.count == 1, certificate.matches(key) else {
          throw PKIError(what: "reading the root", reason: "the key belongs to another certificate")
        }
        return LocalRoot(key: key, certificate: certificate)
      } catch {
        if let error = error as? SystemError, error.isResourceFailure { throw error }
        let reason = "the root is damaged (\(error)); clients must trust a new one: certd ca root"
        _ = try underStoreLock {
          quarantine(localRootDirectory, subject: "local CA", reason: reason, now: now)
        }
        return nil
      }
    }
  }

  /// Stores the root of the built-in CA; when another process was first, answers with that one's.
  public func createLocalRoot(
    key: PrivateKey, certificate: Certificate, now: UnixTime
  ) throws(StoreError) -> LocalRoot {
    let isOurs = try doing("storing the root of the local CA") {
      try underStoreLock {
        guard try fs.statusIfPresent(localRootDirectory) == nil else { return false }
        try ensureDirectory(layout.accounts + "/local", shared: false)
        try writeDirectory(
          localRootDirectory, [("key.pem", try key.pem()), ("cert.pem", certificate.pem)])
        return true
      }
    }
    if !isOurs, let existing = try localRoot(now: now) { return existing }
    return LocalRoot(key: key, certificate: certificate)
  }
}
