import Bytes
import PKI
import TLS

/// Which of several certificates for a name is presented. Pure.
struct Presentation {
  /// In the order in which they are presented, each with the names that it answers for.
  let credentials: [Credential]
  /// When the choice has to be made again, because one of them begins or ends to be valid; nil for never.
  let nextChange: UnixTime?

  private struct Candidate {
    let credential: Credential
    let isWanted: Bool
    let kind: String
    let notBefore: UnixTime
    let notAfter: UnixTime

    func isValid(_ now: UnixTime) -> Bool { notBefore <= now && now <= notAfter }
  }

  /// Of several for one name and kind of key the best has it: valid before expired, what the configuration names
  /// (`wanted`) before what merely lies in the store, longer before shorter, first before later. An expired one leaves
  /// its names to a valid one of any kind, also to a wildcard.
  init(_ wanted: [Credential], others: [Credential] = [], now: UnixTime) {
    let candidates = (wanted.map { ($0, true) } + others.map { ($0, false) }).map { credential, isWanted in
      let leaf = credential.leaf
      return Candidate(
        credential: credential, isWanted: isWanted,
        kind: String(leaf?.keyTypeDescription.prefix { $0 != " " } ?? ""),
        notBefore: leaf?.notBefore ?? UnixTime(seconds: 0), notAfter: leaf?.notAfter ?? UnixTime(seconds: 0))
    }
    var holders: [String: [Int]] = [:]
    for (index, candidate) in candidates.enumerated() {
      for name in candidate.credential.names { holders[name, default: []].append(index) }
    }
    func isBetter(_ a: Candidate, _ b: Candidate) -> Bool {
      if a.isValid(now) != b.isValid(now) { return a.isValid(now) }
      if a.isWanted != b.isWanted { return a.isWanted }
      return a.notAfter > b.notAfter
    }
    func keeps(_ index: Int, _ name: String) -> Bool {
      let own = candidates[index]
      for (other, place) in (holders[name] ?? []).map({ (candidates[$0], $0) }) where place != index {
        if !own.isValid(now), other.isValid(now) { return false }
        guard other.kind == own.kind else { continue }
        if isBetter(other, own) || (!isBetter(own, other) && place < index) { return false }
      }
      guard !own.isValid(now), let dot = name.firstIndex(of: "."), !name.hasPrefix("*") else { return true }
      return !(holders["*" + name[dot...]] ?? []).contains { candidates[$0].isValid(now) }
    }
    let kept = candidates.enumerated().map { index, candidate in
      let own = candidate.credential
      return (
        candidate.isValid(now),
        Credential(
          label: own.label, chain: own.chain, privateKeyPEM: own.privateKeyPEM,
          names: own.names.filter { keeps(index, $0) })
      )
    }
    // The first one answers clients that name an unknown server: never one that they would refuse.
    credentials = kept.filter(\.0).map(\.1) + kept.filter { !$0.0 }.map(\.1)
    nextChange = candidates.flatMap { [$0.notBefore, $0.notAfter + 1] }.filter { $0 > now }.min()
  }
}
