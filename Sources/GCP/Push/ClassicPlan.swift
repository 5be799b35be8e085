internal import Bytes
internal import PKI

/// What a push has to do in one scope, decided from what was read. Pure; nothing is refused after a write
/// that could have been refused here.
struct ClassicPlan {
  /// What one target needs.
  struct Work {
    let target: Target
    let state: ProxyState
    let list: ProxyList
    /// The list that it shall have.
    let result: [ResourceLink]
    /// Why it fails although some of its certificates can be pushed; nil when all can.
    let shortfall: String?
    let warnings: [String]
  }

  /// What is known before planning.
  struct Input {
    var scope: Scope
    var project: String
    var prefix: String
    var targets: [Target]
    var deployments: [String: Deployment]
    /// Names without a certificate, and why.
    var missing: [String: String]
    /// Nil for all.
    var only: Set<String>?
    var records: [CertificateRecord]
    var proxies: [Target: ProxyState]
    var now: UnixTime
    /// Who pushes; only what is theirs is superseded.
    var installation: String?
  }

  /// Certificates to upload, by where they shall be.
  private(set) var uploads: [ResourceLink: Deployment] = [:]
  private(set) var works: [Work] = []
  /// Targets that get nothing, and why.
  private(set) var refused: [(target: Target, why: String)] = []
  /// Certificates of ours with other content under the names that are pushed.
  private(set) var superseded: [ResourceLink] = []

  init(_ input: Input) {
    let records = Dictionary(input.records.map { ($0.link, $0) }, uniquingKeysWith: { first, _ in first })
    var wantedLinks: Set<ResourceLink> = []
    var names: Set<String> = []
    for target in input.targets {
      guard let state = input.proxies[target] else { continue }
      let chosen = target.certificates.filter { input.only?.contains($0) ?? true }
      guard !chosen.isEmpty else { continue }
      switch Self.work(target, chosen, state, records, input) {
      case .failure(let refusal): refused.append((target, refusal.why))
      case .success(let work):
        works.append(work)
        for one in work.list.wanted {
          wantedLinks.insert(one.link)
          names.insert(one.name)
          if records[one.link] == nil { uploads[one.link] = input.deployments[one.name] }
        }
      }
    }
    let detached = Set(works.flatMap { work in work.state.certificates.filter { !work.result.contains($0) } })
    superseded = input.records.filter { record in
      guard let owner = record.ownership, owner.isRemovable(by: input.installation),
        !wantedLinks.contains(record.link)
      else { return false }
      return names.contains(owner.name) || detached.contains(record.link)
    }.map(\.link)
  }

  private struct Refusal: Error { let why: String }

  private static func work(
    _ target: Target, _ chosen: [String], _ state: ProxyState,
    _ records: [ResourceLink: CertificateRecord], _ input: Input
  ) -> Result<Work, Refusal> {
    let there = chosen.filter { input.deployments[$0] != nil }
    let shortfalls = chosen.filter { input.deployments[$0] == nil }.map {
      "\($0): \(input.missing[$0] ?? "there is no such certificate")"
    }
    guard !there.isEmpty else { return .failure(Refusal(why: shortfalls.joined(separator: "; "))) }
    var wanted: [ProxyList.Wanted] = []
    for name in there {
      guard let deployment = input.deployments[name] else { continue }
      if let why = deployment.refusal(for: target, now: input.now) {
        return .failure(Refusal(why: "\(name): \(why)"))
      }
      let link = link(of: deployment, input)
      if let record = records[link], !record.holds(deployment) {
        let why = "\(link) exists with another certificate in it: remove it, or set gcp.name_prefix"
        return .failure(Refusal(why: "\(name): \(why)"))
      }
      wanted.append(.init(name: name, link: link))
    }
    let list = ProxyList(
      records: records, wanted: wanted, leaves: there.compactMap { input.deployments[$0]?.chain.leaf },
      spared: Set(target.certificates).subtracting(there), now: input.now)
    let result = list.list(replacing: state.certificates)
    let most = Target.maximumClassicCertificates
    guard result.count <= most else {
      let others = result.count - wanted.count
      return .failure(
        Refusal(
          why:
            "\(wanted.count) certificates beside \(others) others make \(result.count); a proxy takes \(most): "
            + "put names together into fewer certificates, or set target: certificate-manager"))
    }
    if result.contains(where: \.isCertificateManager) {
      return .failure(
        Refusal(
          why: "it has certificates of Certificate Manager, which cannot stand beside classic ones: "
            + "set target: certificate-manager"))
    }
    return .success(
      Work(
        target: target, state: state, list: list, result: result,
        shortfall: shortfalls.isEmpty ? nil : shortfalls.joined(separator: "; "),
        warnings: warnings(state, result, records)))
  }

  /// Where a generation shall be.
  private static func link(of deployment: Deployment, _ input: Input) -> ResourceLink {
    deployment.link(prefix: input.prefix, project: input.project, scope: input.scope)
  }

  private static func warnings(
    _ state: ProxyState, _ result: [ResourceLink], _ records: [ResourceLink: CertificateRecord]
  ) -> [String] {
    var warnings: [String] = []
    if let map = state.certificateMap {
      warnings.append(
        "it has the certificate map \(map.name), so that its list of certificates is ignored: set target: "
          + "certificate-manager, or clear the map")
    }
    for link in result {
      guard let state = records[link]?.managedState else { continue }
      warnings.append("\(link.name) is managed by Google (\(state)) and left alone")
    }
    return warnings
  }
}
