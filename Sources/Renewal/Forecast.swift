public import Bytes
public import CertStore

/// What is to come: renewals, the use of limits, and what each certificate survives.
public struct Forecast: Sendable, Equatable {
  /// A renewal to come.
  public struct Renewal: Sendable, Equatable {
    /// Whose.
    public let name: LineageName
    /// When it becomes due.
    public let at: UnixTime
    /// By what rule; nil for those after the next one, which depend on what the CA issues then.
    public let reason: RenewalReason?
    /// Who will be asked first.
    public let issuer: String
  }

  /// How a limit of a CA is used.
  public struct Usage: Sendable, Equatable {
    /// Whose limit, by the configuration's name.
    public let issuer: String
    /// The limit.
    public let limit: IssuerLimit
    /// The name, domain or set of names that comes closest to it; empty for what is counted as a whole.
    public let about: String
    /// What counts now.
    public let now: Int
    /// The most that will count at a time, with the renewals to come.
    public let peak: Int
  }

  /// One certificate.
  public struct Certificate: Sendable, Equatable {
    /// Its name.
    public let name: LineageName
    /// When it expires; nil while there is none.
    public let expiresAt: UnixTime?
    /// When it becomes due; nil when it is now.
    public let dueAt: UnixTime?
    /// How long its CA may be out from the moment on at which it would be renewed, in seconds, until it expires; nil
    /// while there is none.
    public let survivesSeconds: Int64?
    /// Who stands in when its first CA is out.
    public let standIns: [String]
  }

  /// Every certificate, in the plan's order.
  public var certificates: [Certificate] = []
  /// The renewals to come, in order.
  public var renewals: [Renewal] = []
  /// The use of each limit.
  public var usages: [Usage] = []

  /// The most renewals of one certificate that are looked ahead.
  static let maximumRenewalsPerCertificate = 1000

  /// Looks so many seconds ahead. Pure.
  public static func make(_ situation: Situation, _ policy: Policy, seconds: Int64) -> Forecast {
    var forecast = Forecast()
    let now = situation.now
    for action in Plan.make(situation, policy).actions {
      let wanted = action.certificate
      let held = situation.held[wanted.name]
      let issuer = wanted.issuers.first?.name ?? ""
      let (next, reason) = next(wanted, held, situation, action.decision)
      forecast.certificates.append(
        Certificate(
          name: wanted.name, expiresAt: held?.notAfter, dueAt: next > now ? next : nil,
          survivesSeconds: held.map { max(0, $0.notAfter - max(next, now)) },
          standIns: wanted.issuers.dropFirst().map(\.name)))
      guard next <= now + seconds else { continue }
      forecast.renewals.append(Renewal(name: wanted.name, at: next, reason: reason, issuer: issuer))
      guard let held else { continue }
      let interval = max(Policy.wakeSeconds, DueRule.lifetimeDue(held) - held.notBefore)
      var later = next + interval
      for _ in 1..<maximumRenewalsPerCertificate where later <= now + seconds {
        forecast.renewals.append(Renewal(name: wanted.name, at: later, reason: nil, issuer: issuer))
        later = later + interval
      }
    }
    forecast.renewals.sort { ($0.at, $0.name) < ($1.at, $1.name) }
    forecast.usages = usages(situation, policy, forecast.renewals)
    return forecast
  }

  /// When a certificate is issued next, and by what rule.
  private static func next(
    _ wanted: ManagedCertificate, _ held: HeldCertificate?, _ situation: Situation,
    _ decision: Action.Decision
  ) -> (UnixTime, RenewalReason?) {
    switch decision {
    case .renew(let reason, _): return (situation.now, reason)
    case .wait(let until, _): return (until, nil)
    case .refuse: return (situation.now, nil)
    case .idle(let until):
      let record = situation.records[wanted.name]
      let isAdvised =
        record?.certificateID == held?.certificateID && record?.chosen.map { $0 <= until } ?? false
      return (until, isAdvised ? .advised : .lifetime)
    }
  }

  private static func usages(
    _ situation: Situation, _ policy: Policy, _ renewals: [Renewal]
  ) -> [Usage] {
    var usages: [Usage] = []
    let wanted = Dictionary(situation.managed.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    let names = Set(situation.managed.flatMap { $0.issuers.map(\.name) })
    for issuer in names.sorted() {
      let traits = policy.traits(issuer)
      let rule = LimitRule(traits, situation.history, now: situation.now)
      let own = renewals.filter { $0.issuer == issuer }
      for limit in traits.limits {
        var closest = Usage(issuer: issuer, limit: limit, about: "", now: 0, peak: 0)
        var seen: Set<String> = []
        for certificate in situation.managed where certificate.isIssued(by: issuer) {
          for usage in rule.usages(limit, certificate.identifierTexts) where seen.insert(usage.about).inserted
          {
            let coming = own.filter { counts($0, limit, usage.about, wanted) }.map(\.at)
            let peak = peak(usage.moments + coming, windowSeconds: limit.windowSeconds)
            guard peak > closest.peak || usage.moments.count > closest.now || closest.about.isEmpty else {
              continue
            }
            closest = Usage(
              issuer: issuer, limit: limit, about: usage.about, now: usage.moments.count, peak: peak)
          }
        }
        usages.append(closest)
      }
    }
    return usages
  }

  /// Whether a renewal to come will count for a limit.
  private static func counts(
    _ renewal: Renewal, _ limit: IssuerLimit, _ about: String, _ wanted: [LineageName: ManagedCertificate]
  ) -> Bool {
    switch limit.subject {
    case .orders: true
    case .certificatesPerNameSet:
      wanted[renewal.name].map { History.text($0.identifierTexts) == about } ?? false
    // A renewal is no new certificate, no new account and no failure.
    case .certificatesPerRegisteredDomain, .registrations, .failedValidations: false
    }
  }

  /// The most moments in any window.
  static func peak(_ moments: [UnixTime], windowSeconds: Int64) -> Int {
    let sorted = moments.sorted()
    var (first, most) = (0, 0)
    for last in sorted.indices {
      while sorted[last] - sorted[first] >= windowSeconds { first += 1 }
      most = max(most, last - first + 1)
    }
    return most
  }
}

extension Executor {
  /// Looks so many seconds ahead; asks nobody and writes nothing.
  public func forecast(_ managed: [ManagedCertificate], seconds: Int64) async throws(StoreError) -> Forecast {
    let now = environment.now()
    var situation = try await situation(managed, .none, nextWakeAt: now)
    situation.history = try store.history(issuers: policy.issuers, now: now)
    return Forecast.make(situation, policy, seconds: seconds)
  }
}
