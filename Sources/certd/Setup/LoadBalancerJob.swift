import CertStore
import Configuration
import GCP

/// What `gcp plan` and `gcp apply` have in common: one configuration's chain, with the certificates of the store.
struct LoadBalancerJob {
  let chain: ChainSettings
  let warnings: [String]
  let deployments: [GCP.Deployment]
  let pusher: Pusher

  private let session: Session
  private let names: [String]

  /// Reads the configuration and the store; asks nothing of Google but a token's source.
  /// For a removal it does not matter which certificates the store has.
  init(
    _ options: LoadBalancerOptions, _ world: World, isForRemoval: Bool = false
  ) async throws(SetupError) {
    let configuration = try options.configuration()
    guard let settings = configuration.gcp, let balancer = settings.loadBalancer else {
      throw .configuration(
        "\(configuration.file): there is no section gcp.load_balancer; see docs/gcp-load-balancer.md")
    }
    let translated = try LoadBalancerChain(configuration, balancer, project: settings.project)
    warnings = translated.warnings
    names = try LoadBalancerChain.certificates(configuration, balancer)
    deployments = try Self.deployments(
      names, storePath: options.store ?? configuration.store, needsAll: !isForRemoval)
    let cloud = try await GoogleCloud.open(configuration, world, isVerbose: options.verbose) {
      Output.error("certd: \($0)")
    }
    session = cloud.session
    pusher = cloud.pusher
    var chain = translated.settings
    for deployment in deployments {
      if let why = pusher.refusal(of: deployment, on: chain) {
        throw .other("\(deployment.name): Google would refuse the certificate: \(why)")
      }
      chain.certificates.append(pusher.link(of: deployment))
    }
    self.chain = chain
  }

  private static func deployments(
    _ names: [String], storePath: String?, needsAll: Bool
  ) throws(SetupError) -> [GCP.Deployment] {
    let store = try StoreLocation.openPresent(storePath) { Output.error("certd: store: \($0)") }
    var found: [GCP.Deployment] = []
    for name in names {
      guard let lineage = LineageName(name), let stored = store?.load(lineage, now: World.now()) else {
        guard needsAll else { continue }
        throw .other(
          "there is no certificate \(name) in \(StoreLocation.path(storePath)) yet; 'certd renew' or 'certd run' "
            + "obtains it")
      }
      found.append(GCP.Deployment(name: name, chain: stored.chain, key: stored.key))
    }
    return found
  }

  /// Brings the chain about, and tells of each step.
  func applier(progress: @escaping @Sendable (ChainApplier.Progress) -> Void = { _ in }) -> ChainApplier {
    let (pusher, deployments) = (pusher, deployments)
    return ChainApplier(
      session, chain,
      upload: { link throws(GCPError) in
        guard let deployment = deployments.first(where: { pusher.link(of: $0) == link }) else {
          return try await ChainApplier.noUpload(link)
        }
        try await pusher.upload(deployment)
      }, leavesCertificates: true, progress: progress)
  }

  /// What a removal would take away.
  func removal(addresses: Bool) async throws(GCPError) -> ChainPlan {
    let state = try await ChainState.read(session, chain: chain.name)
    return ChainPlan(
      removing: chain.name, from: state, project: session.project, installation: session.installation,
      certificates: Set(names), addresses: addresses)
  }

  /// Puts the store's certificates on a proxy that was there before, in place of superseded ones.
  func push() async throws(GCPError) {
    let target = chain.pushTarget(deployments.map(\.name))
    let report = await pusher.push(.init(targets: [target], deployments: deployments))
    for entry in report.targets {
      for warning in entry.warnings { Output.error("certd: \(entry.target): \(warning)") }
      if let failure = entry.failure { throw failure }
    }
  }
}
