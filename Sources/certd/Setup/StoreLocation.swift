import Bytes
import CertStore
import OS

/// Which directory holds the store, and opening it.
enum StoreLocation {
  /// The store of an installed certd.
  static let installed = "/var/lib/certd"
  /// The store in development.
  static let development = "certs"

  /// The directory named, else the installed one where it is there, else `certs` here.
  static func path(_ named: String?) -> String {
    if let named { return named }
    let there = (try? FileSystem().status(installed, followingLinks: true))?.kind == .directory
    return there ? installed : development
  }

  /// For commands that only look: nil for a store that is not there.
  static func openPresent(
    _ named: String?, report: @escaping @Sendable (StoreProblem) -> Void
  ) throws(SetupError) -> CertStore? {
    let isThere = (try? FileSystem().status(path(named), followingLinks: true)) != nil
    guard isThere else { return nil }
    return try open(named, report: report)
  }

  static func open(
    _ named: String?, report: @escaping @Sendable (StoreProblem) -> Void
  ) throws(SetupError) -> CertStore {
    do throws(StoreError) { return try CertStore.open(root: path(named), report: report) } catch {
      throw .other("\(error)")
    }
  }
}
