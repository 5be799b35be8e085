import CertStore
import Configuration
import GCP
import PKI

// Where the certificates for Google Cloud come from: the store, or files that the configuration gives a name.
extension GoogleCloud {
  /// What is to be pushed under a name.
  enum Found {
    case here(GCP.Deployment)
    /// Why there is none; nil when nobody knows of one.
    case missing(String?)
  }

  /// The files that a configuration gives a name, by it.
  static func namedFiles(_ configuration: Configuration) -> [String: CertificateFiles] {
    var found: [String: CertificateFiles] = [:]
    for case .files(let files) in configuration.certificates {
      if let name = files.name { found[name] = files }
    }
    return found
  }

  /// The current certificate of a name. Files go before what else may lie in the store under it.
  static func deployment(_ name: String, _ configuration: Configuration, _ store: CertStore?) -> Found {
    if let files = namedFiles(configuration)[name] {
      do throws(SetupError) {
        let pair = try Credentials.pair(files, configuration)
        return .here(GCP.Deployment(name: name, chain: pair.chain, key: pair.key))
      } catch { return .missing(error.description) }
    }
    guard let lineage = LineageName(name), let stored = store?.load(lineage, now: World.now()) else {
      return .missing(nil)
    }
    return .here(GCP.Deployment(name: name, chain: stored.chain, key: stored.key))
  }
}
