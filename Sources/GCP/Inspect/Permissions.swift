/// The IAM permissions that a configuration needs, and nothing beside.
public struct Permissions: Sendable, Equatable {
  /// What `push` and `migrate` need.
  public let push: [String]
  /// What `status` needs beside.
  public let status: [String]
  /// What `prune` needs beside.
  public let prune: [String]
  /// The APIs that must be enabled.
  public let services: [String]

  /// The permissions for some targets.
  public init(_ targets: [Target]) {
    var push: Set<String> = []
    var status: Set<String> = []
    var prune: Set<String> = []
    for target in targets {
      let names = Names(target)
      push.formUnion(["\(names.proxies).get"])
      let twins = targets.filter {
        $0.kind == target.kind && $0.scope == target.scope && $0.route == target.route
      }
      if twins.count > 1 { push.insert("\(names.proxies).list") }
      push.formUnion(target.route == .classic ? Self.classic(target, names) : Self.manager(target, names))
      status.formUnion(["\(names.rules).list", "\(names.certificates).list", "\(names.proxies).get"])
      if twins.count > 1 { status.insert("\(names.proxies).list") }
      if target.route == .certificateManager {
        status.insert("certificatemanager.certs.list")
        if target.scope == .global { status.insert("certificatemanager.certmapentries.list") }
      }
      let used = Names.all(target.scope)
      prune.formUnion(used.flatMap { ["\($0.certificates).list", "\($0.proxies).list"] })
      prune.insert("\(names.certificates).delete")
      prune.insert(names.operations)
      if target.route == .certificateManager {
        prune.formUnion([
          "certificatemanager.certs.list", "certificatemanager.certs.delete",
          "certificatemanager.operations.get",
        ])
        if target.scope == .global {
          prune.formUnion([
            "certificatemanager.certmaps.list", "certificatemanager.certmaps.delete",
            "certificatemanager.certmapentries.list", "certificatemanager.certmapentries.delete",
          ])
        }
      }
    }
    for kind in ChainKind.allCases where kind != .address && kind != .certificate {
      prune.insert("compute.\(kind.collection).list")
    }
    if !targets.isEmpty {
      prune.formUnion(Names.all(.global).flatMap { ["\($0.certificates).list", "\($0.proxies).list"] })
    }
    self.push = push.sorted()
    self.status = status.subtracting(push).sorted()
    self.prune = prune.subtracting(push).sorted()
    let usesManager = targets.contains { $0.route == .certificateManager }
    services = [API.compute.rawValue] + (usesManager ? [API.certificateManager.rawValue] : [])
  }

  private static func classic(_ target: Target, _ names: Names) -> [String] {
    let verb = target.kind == .httpsProxy ? "update" : "setSslCertificates"
    return ["create", "delete", "get", "list"].map { "\(names.certificates).\($0)" }
      + ["\(names.proxies).\(verb)", names.operations]
  }

  private static func manager(_ target: Target, _ names: Names) -> [String] {
    var needed = ["create", "get", "list", "update", "use"].map { "certificatemanager.certs.\($0)" }
    needed += ["certificatemanager.operations.get", "\(names.certificates).list", names.operations]
    guard target.scope == .global else { return needed + ["\(names.proxies).update"] }
    needed += ["create", "get", "list", "use"].map { "certificatemanager.certmaps.\($0)" }
    needed += ["create", "delete", "get", "list", "update"].map { "certificatemanager.certmapentries.\($0)" }
    return needed + ["\(names.proxies).setCertificateMap"]
  }

  /// The collections of a target as permissions spell them.
  private struct Names {
    let certificates: String
    let proxies: String
    let rules: String
    let operations: String

    init(_ target: Target) { self.init(target.kind, target.scope) }

    init(_ kind: Target.Kind, _ scope: Scope) {
      let isGlobal = scope == .global
      certificates = isGlobal ? "compute.sslCertificates" : "compute.regionSslCertificates"
      switch kind {
      case .httpsProxy:
        proxies = isGlobal ? "compute.targetHttpsProxies" : "compute.regionTargetHttpsProxies"
      case .sslProxy: proxies = "compute.targetSslProxies"
      }
      rules = isGlobal ? "compute.globalForwardingRules" : "compute.forwardingRules"
      operations = isGlobal ? "compute.globalOperations.get" : "compute.regionOperations.get"
    }

    /// Of every kind of proxy that a scope has.
    static func all(_ scope: Scope) -> [Names] {
      scope == .global
        ? Target.Kind.allCases.map { Names($0, scope) } : [Names(.httpsProxy, scope)]
    }
  }
}
