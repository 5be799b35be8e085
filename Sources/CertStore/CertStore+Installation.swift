import Bytes
import OS
import PKI

extension CertStore {
  /// The longest identifier that is read, in bytes.
  static let maximumInstallationBytes = 64
  /// Random bytes of a new identifier.
  private static let installationBytes = 8

  /// What tells this installation of certd from others where they meet, in a project of Google's for instance: made
  /// once, in hexadecimal, and kept. Nil when it can neither be read nor made.
  public func installation() -> String? {
    if let known = knownInstallation() { return known }
    // Whoever makes it first has made it for all.
    let fresh = Hex.encode(Random.bytes(Self.installationBytes))
    try? underStoreLock {
      if knownInstallation() == nil { try fs.publish(layout.installation, Array(fresh.utf8), mode: 0o600) }
    }
    return knownInstallation()
  }

  private func knownInstallation() -> String? {
    guard let bytes = try? fs.read(layout.installation, limitInBytes: Self.maximumInstallationBytes) else {
      return nil
    }
    let text = String(decoding: bytes, as: UTF8.self)
    return Hex.decode(text) == nil || text.isEmpty ? nil : text
  }
}
