import Bytes
public import CertStore

/// The ledger, indexed by what decisions ask for.
public struct History: Sendable {
  /// The entries of each certificate, oldest first.
  private(set) var entriesByName: [String: [LedgerEntry]] = [:]
  private var marks: [Mark: [UnixTime]] = [:]
  /// Attempts without an outcome: whether they made an order, nobody knows.
  private var open: [String: (key: Mark, at: UnixTime)] = [:]
  /// Failures in a row of each account that were the CA's and no certificate's.
  private(set) var outages: [String: Outage] = [:]
  private let traits: [String: IssuerTraits]

  /// Failures in a row that were the CA's.
  struct Outage: Equatable {
    var failures = 0
    var lastAt: UnixTime
  }

  /// Something that is counted.
  struct Mark: Hashable {
    let subject: IssuerLimit.Subject
    /// The CA or the account.
    let owner: String
    /// The name, domain or set of names; empty for what is counted as a whole.
    let about: String
  }

  /// Entries later than this many seconds from now are from a time when the clock was wrong.
  static let toleranceSeconds: Int64 = 3600

  /// Orders of all accounts together.
  static let allOrders = Mark(subject: .orders, owner: "", about: "")

  /// A history; entries count for the CA and the account that they name, or else for those of their issuer now.
  public init(_ entries: [LedgerEntry], issuers: [String: IssuerTraits]) {
    traits = issuers
    for entry in entries { add(entry) }
  }

  /// Adds what happened last.
  public mutating func add(_ entry: LedgerEntry) {
    let known = traits[entry.issuer]
    let authority = entry.authority ?? known?.authority ?? entry.issuer
    let account = entry.account ?? known?.account ?? authority
    if entry.event == .issued { forgetBefore(entry) }
    if entry.event != .registered { entriesByName[entry.name, default: []].append(entry) }
    let orders = Mark(subject: .orders, owner: account, about: "")
    switch entry.event {
    case .registered: note(Mark(subject: .registrations, owner: authority, about: ""), entry.at)
    case .attempted:
      closeAttempt(entry.name)
      open[entry.name] = (orders, entry.at)
    case .ordered:
      open[entry.name] = nil
      note(orders, entry.at)
      note(Self.allOrders, entry.at)
    case .rehearsed: open[entry.name] = nil
    case .issued:
      open[entry.name] = nil
      outages[account] = nil
      noteIssued(entry, authority)
    case .failed:
      open[entry.name] = nil
      noteOutage(entry, account)
      guard entry.failure == .validation else { return }
      for identifier in entry.failedIdentifiers ?? entry.identifiers {
        note(Mark(subject: .failedValidations, owner: account, about: identifier), entry.at)
      }
    }
  }

  private mutating func noteIssued(_ entry: LedgerEntry, _ authority: String) {
    let set = Self.text(entry.identifiers)
    let same = Mark(subject: .certificatesPerNameSet, owner: authority, about: set)
    // A set of names that has had a certificate is a renewal, which no CA counts as new.
    if marks[same] == nil {
      for domain in Set(entry.identifiers.compactMap(RegisteredDomain.of)) {
        note(Mark(subject: .certificatesPerRegisteredDomain, owner: authority, about: domain), entry.at)
      }
    }
    note(same, entry.at)
  }

  private mutating func noteOutage(_ entry: LedgerEntry, _ account: String) {
    switch entry.failure {
    case .unavailable, .rateLimited:
      let before = outages[account]?.failures ?? 0
      outages[account] = Outage(failures: before + 1, lastAt: entry.at)
    // The CA did its work.
    case .validation: outages[account] = nil
    case .other, nil: break
    }
  }

  private mutating func closeAttempt(_ name: String) {
    guard let cut = open.removeValue(forKey: name) else { return }
    note(cut.key, cut.at)
  }

  /// Nothing looks back further than this, in seconds.
  static let memorySeconds: Int64 = 8 * 86_400
  /// How many moments gather before old ones are let go.
  private static let crowd = 64

  private mutating func note(_ mark: Mark, _ at: UnixTime) {
    marks[mark, default: []].append(at)
    guard let count = marks[mark]?.count, count % Self.crowd == 0 else { return }
    // The last one stays: that there was one at all is remembered.
    marks[mark]?.removeAll { $0 < at - Self.memorySeconds }
  }

  /// What happened before a certificate was issued matters no more, but how often it was issued lately.
  private mutating func forgetBefore(_ entry: LedgerEntry) {
    let day: Int64 = 86_400
    entriesByName[entry.name]?.removeAll {
      $0.event != .issued || $0.at < entry.at - day || Set($0.identifiers) != Set(entry.identifiers)
    }
  }

  /// A set of names as one text.
  static func text(_ identifiers: some Sequence<String>) -> String {
    identifiers.sorted().joined(separator: " ")
  }

  /// Whether these names have had a certificate by a CA.
  func hasIssued(_ identifiers: Set<String>, _ authority: String) -> Bool {
    marks[Mark(subject: .certificatesPerNameSet, owner: authority, about: Self.text(identifiers))] != nil
  }

  /// When it happened within a window that ends now, oldest first.
  func moments(_ mark: Mark, windowSeconds: Int64, now: UnixTime) -> [UnixTime] {
    var found = (marks[mark] ?? []).reversed().prefix { $0 > now - windowSeconds || $0 > now }
      .filter { $0 > now - windowSeconds && $0 <= now + Self.toleranceSeconds }
    if mark.subject == .orders {
      found += open.values.filter { $0.key == mark && $0.at > now - windowSeconds && $0.at <= now }.map(\.at)
    }
    return found.sorted()
  }

  /// How many certificates of this name were stored in the last so many seconds, and when the oldest of them.
  func issuances(_ name: String, windowSeconds: Int64, now: UnixTime) -> [UnixTime] {
    (entriesByName[name] ?? []).filter {
      $0.event == .issued && $0.at > now - windowSeconds && $0.at <= now + Self.toleranceSeconds
    }.map(\.at).sorted()
  }
}
