import CertStore
import Configuration
import GCP
import PKI
import Renewal

// Google Cloud as a place where renewed certificates are deployed.
extension GoogleCloud {
  /// Whether a load balancer of the configuration presents the certificate of that name.
  static func takes(_ name: String, _ configuration: Configuration) -> Bool {
    targets(configuration).contains { $0.certificates.contains(name) }
  }

  /// Every certificate that some load balancer presents.
  static func names(_ configuration: Configuration) -> Set<String> {
    Set(targets(configuration).flatMap(\.certificates))
  }

  /// What the deploy queue does for Google Cloud; nil when the configuration has no such section.
  static func deployer(
    _ configuration: Configuration, _ store: CertStore, _ world: World,
    warn: @escaping @Sendable (String) -> Void
  ) -> (@Sendable (StoredCertificate) async -> Pushed)? {
    guard configuration.gcp != nil else { return nil }
    return { served in
      do throws(SetupError) {
        let report = try await push([served.name.description], configuration, store, world, warn: warn)
        for warning in report.allWarnings { warn(warning) }
        if report.targets.isEmpty {
          return .nothing(
            "no load balancer that is there names it; 'certd gcp apply' gives it to the one it makes")
        }
        let failures = report.targets.compactMap { entry in entry.failure.map { "\(entry.target): \($0)" } }
        return failures.isEmpty ? .done : .failed(failures.joined(separator: "; "))
      } catch { return .failed(error.description) }
    }
  }
}

extension CertStore {
  /// Queues what Google Cloud has not been given yet, as far as anybody knows: a push of what is there already makes
  /// no change. For a configuration that names load balancers for certificates that are in the store.
  func queueGoogleCloud(_ configuration: Configuration) throws(StoreError) {
    let now = World.now()
    let queued = try deploys(now: now).filter { $0.action == .googleCloud }
    let files = GoogleCloud.namedFiles(configuration)
    for text in GoogleCloud.names(configuration).sorted() where files[text] == nil {
      guard let name = LineageName(text), let stored = load(name, now: now),
        let task = try? DeployTask(
          name: name, leaf: stored.chain.leaf, action: .googleCloud,
          domains: stored.chain.leaf.identifiers.map(\.description), now: now),
        !queued.contains(where: { $0.id == task.id })
      else { continue }
      try enqueue(task)
    }
  }
}
