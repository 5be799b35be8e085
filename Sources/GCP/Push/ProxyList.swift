internal import Bytes
internal import PKI

/// Decides what a proxy's list of certificates shall be. Pure.
struct ProxyList {
  /// A certificate that the list shall have: its name and where it is.
  struct Wanted: Equatable {
    let name: String
    let link: ResourceLink
  }

  /// What is known of the certificates around.
  let records: [ResourceLink: CertificateRecord]
  let wanted: [Wanted]
  /// Leaves of what is wanted, for the names that they cover.
  let leaves: [Certificate]
  /// Certificates of ours under other names may be in the list by the configuration too; nil when the
  /// configuration says that there are none.
  let spared: Set<String>
  let now: UnixTime

  /// The list that replaces `current`: superseded certificates of ours are replaced where they stand, others
  /// stay where they are, and what is new comes last. One of ours that is no longer wanted goes only when it
  /// has expired or the wanted ones cover all of its names.
  func list(replacing current: [ResourceLink]) -> [ResourceLink] {
    var list: [ResourceLink] = []
    for link in current {
      let next = replacement(of: link)
      if let next, !list.contains(next) { list.append(next) }
    }
    for one in wanted where !list.contains(one.link) { list.append(one.link) }
    // The first is for clients that send no name: among ours the configuration's order is kept.
    let ours = wanted.map(\.link)
    for (place, link) in zip(list.indices.filter { ours.contains(list[$0]) }, ours) { list[place] = link }
    return list
  }

  private func replacement(of link: ResourceLink) -> ResourceLink? {
    if wanted.contains(where: { $0.link == link }) { return link }
    guard let record = records[link], let name = record.ownership?.name else { return link }
    if let one = wanted.first(where: { $0.name == name }) { return one.link }
    if spared.contains(name) { return link }
    let hasExpired = record.notAfter.map { $0 < now } ?? false
    return hasExpired || isCovered(record) ? nil : link
  }

  /// Whether the wanted certificates speak for every name of another one.
  func isCovered(_ record: CertificateRecord) -> Bool {
    !record.names.isEmpty
      && record.names.allSatisfy { name in leaves.contains { $0.covers(name) } }
  }
}
