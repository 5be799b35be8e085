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
  private let route: GCP.Target.Route
  private let others: [GCP.Target]

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
      names, configuration, storePath: options.store ?? configuration.store, needsAll: !isForRemoval)
    let cloud = try await GoogleCloud.open(configuration, world, isVerbose: options.verbose) {
      Output.error("certd: \($0)")
    }
    session = cloud.session
    pusher = cloud.pusher
    var chain = translated.settings
    chain.installation = session.installation
    route = balancer.route
    others = GoogleCloud.targets(configuration)
    if route == .certificateManager, chain.region == nil {
      chain.certificateMap = pusher.mapLink(of: chain.pushTarget([], route: route))
    }
    for deployment in deployments {
      if let why = pusher.refusal(of: deployment, on: chain, route: route) {
        throw .other("\(deployment.name): Google would refuse the certificate: \(why)")
      }
      chain.certificates.append(
        route == .classic
          ? pusher.link(of: deployment, in: chain.scope)
          : pusher.managerLink(of: deployment, in: chain.scope))
    }
    self.chain = chain
  }

  private static func deployments(
    _ names: [String], _ configuration: Configuration, storePath: String?, needsAll: Bool
  ) throws(SetupError) -> [GCP.Deployment] {
    let store = try StoreLocation.openPresent(storePath) { Output.error("certd: store: \($0)") }
    var found: [GCP.Deployment] = []
    for name in names {
      switch GoogleCloud.deployment(name, configuration, store) {
      case .here(let deployment): found.append(deployment)
      case .missing where !needsAll: continue
      case .missing(let why):
        throw .other(
          why
            ?? "there is no certificate \(name) in \(StoreLocation.path(storePath)) yet; 'certd renew' or 'certd run' "
            + "obtains it")
      }
    }
    return found
  }

  /// Brings the chain about, and tells of each step.
  func applier(progress: @escaping @Sendable (ChainApplier.Progress) -> Void = { _ in }) -> ChainApplier {
    let (pusher, deployments, scope) = (pusher, deployments, chain.scope)
    return ChainApplier(
      session, chain,
      upload: { link throws(GCPError) in
        guard let deployment = deployments.first(where: { pusher.link(of: $0, in: scope) == link }) else {
          return try await ChainApplier.noUpload(link)
        }
        try await pusher.upload(deployment, in: scope)
      }, leavesCertificates: true, prepare: preparation, progress: progress)
  }

  /// What Certificate Manager must have before the proxy is made.
  private var preparation: ChainApplier.Preparation {
    guard route == .certificateManager else { return { () throws(GCPError) in } }
    let (pusher, deployments) = (pusher, deployments)
    let target = chain.pushTarget(deployments.map(\.name), route: route)
    return { () throws(GCPError) in try await pusher.prepare(target, deployments) }
  }

  /// Takes away what Certificate Manager has for a proxy that is gone; answers what was removed.
  func removeRemains() async throws(GCPError) -> [String] {
    let pruner = Pruner(pusher)
    let orphans = try await pruner.remains(of: chain.pushTarget(names, route: route), beside: others)
    var removed: [String] = []
    for (orphan, failure) in await pruner.remove(orphans) {
      if let failure { throw failure }
      removed.append(orphan.link.description)
    }
    return removed
  }

  /// What a removal would take away.
  func removal(addresses: Bool) async throws(GCPError) -> ChainPlan {
    let state = try await ChainState.read(session, chain: chain.name, scope: chain.scope)
    return ChainPlan(
      removing: chain.name, from: state, project: session.project, installation: session.installation,
      certificates: Set(names), addresses: addresses)
  }

  /// Puts the store's certificates on a proxy that was there before, in place of superseded ones.
  func push() async throws(GCPError) {
    let target = chain.pushTarget(deployments.map(\.name), route: route)
    let report = await pusher.push(.init(targets: [target], deployments: deployments))
    for entry in report.targets {
      for warning in entry.warnings { Output.error("certd: \(entry.target): \(warning)") }
      if let failure = entry.failure { throw failure }
    }
  }
}
