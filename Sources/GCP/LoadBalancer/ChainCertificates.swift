extension Pusher {
  /// Where the push puts a certificate of a global proxy.
  public func link(of deployment: Deployment) -> ResourceLink {
    let name = ResourceName.certificate(prefix: prefix, name: deployment.name, sha256: deployment.sha256)
    return session.link("global/sslCertificates/\(name)")
  }

  /// Why Google would refuse a certificate on a chain's proxy; nil when it takes it.
  public func refusal(of deployment: Deployment, on chain: ChainSettings) -> String? {
    deployment.refusal(for: chain.pushTarget([deployment.name]), now: session.environment.now())
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
  public func upload(_ deployment: Deployment) async throws(GCPError) {
    let push = ClassicPush(self, Request(targets: [], deployments: []), .global, [])
    try await push.insert(.init(link: link(of: deployment), deployment: deployment))
  }
}

extension ChainSettings {
  /// The chain's proxy as the push sees it: its certificates are renewed like those of any other target.
  public func pushTarget(_ certificates: [String]) -> Target {
    Self.pushTarget(name, kind, certificates: certificates)
  }

  /// The same of a chain that is only known by name and kind.
  public static func pushTarget(_ name: String, _ kind: Kind, certificates: [String]) -> Target {
    let isSSL = kind == .ssl
    return Target(
      kind: isSSL ? .sslProxy : .httpsProxy, name: ChainName.make(name, isSSL ? "ssl-proxy" : "proxy"),
      certificates: certificates)
  }
}
