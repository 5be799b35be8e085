extension Pusher {
  /// Where the push puts a certificate of a proxy in a scope.
  public func link(of deployment: Deployment, in scope: Scope) -> ResourceLink {
    deployment.link(prefix: prefix, project: session.project, scope: scope)
  }

  /// Why Google would refuse a certificate on a chain's proxy; nil when it takes it.
  public func refusal(
    of deployment: Deployment, on chain: ChainSettings, route: Target.Route = .classic
  ) -> String? {
    deployment.refusal(for: chain.pushTarget([deployment.name], route: route), now: session.environment.now())
  }

  /// Certificate Manager's map for a proxy.
  public func mapLink(of target: Target) -> ResourceLink {
    ManagerPush(self, Request(targets: [], deployments: []), target.scope, []).mapLink(target)
  }

  /// Where Certificate Manager keeps a certificate of a proxy in a scope.
  public func managerLink(of deployment: Deployment, in scope: Scope) -> ResourceLink {
    ManagerPush(self, Request(targets: [], deployments: []), scope, []).link(deployment)
  }

  /// Makes in Certificate Manager what a proxy that is not there yet will be given: certificates and, for a global
  /// one, their map, once its entries are active.
  public func prepare(_ target: Target, _ deployments: [Deployment]) async throws(GCPError) {
    let request = Request(targets: [target], deployments: deployments)
    try await ManagerPush(self, request, target.scope, [target]).prepare(target)
  }

  /// Whether a target proxy exists; also true when that cannot be told.
  public func isThere(_ target: Target) async -> Bool {
    guard
      case .success(let found) = await result({ () throws(GCPError) in
        try await session.find(path(of: target))
      })
    else { return true }
    return found != nil
  }

  /// Uploads a certificate for a chain's proxy that does not exist yet. One that is there is a success.
  public func upload(_ deployment: Deployment, in scope: Scope) async throws(GCPError) {
    let push = ClassicPush(self, Request(targets: [], deployments: []), scope, [])
    try await push.insert(.init(link: link(of: deployment, in: scope), deployment: deployment))
  }
}

extension ChainSettings {
  /// The chain's proxy as the push sees it: its certificates are renewed like those of any other target.
  public func pushTarget(_ certificates: [String], route: Target.Route = .classic) -> Target {
    Self.pushTarget(name, kind, scope, names: names, route: route, certificates: certificates)
  }

  /// The same of a chain that is only known by name and kind.
  public static func pushTarget(
    _ name: String, _ kind: Kind, _ scope: Scope, names: [String: String] = [:],
    route: Target.Route = .classic, certificates: [String]
  ) -> Target {
    let kind: Target.Kind = kind == .ssl ? .sslProxy : .httpsProxy
    let usual = ChainName.make(name, kind == .sslProxy ? "ssl-proxy" : "proxy")
    let collection: ChainKind = kind == .sslProxy ? .sslProxy : .httpsProxy
    return Target(
      kind: kind, name: names["\(collection.collection)/\(usual)"] ?? usual, scope: scope, route: route,
      certificates: certificates)
  }
}
