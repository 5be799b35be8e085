public import OS

/// The zone that a name is in, and who has it.
public struct Zone: Sendable, Equatable {
  /// Its top.
  public let apex: DomainName
  /// The server that changes are sent to, as its SOA tells.
  public let primary: DomainName
  /// Its servers, and the addresses of each.
  public let servers: [(name: DomainName, addresses: [SocketAddress])]

  /// Whether both have the same servers at the same addresses.
  public static func == (one: Zone, other: Zone) -> Bool {
    one.apex == other.apex && one.primary == other.primary
      && one.servers.map(\.name) == other.servers.map(\.name)
      && one.servers.map { $0.addresses.map(\.description) }
        == other.servers.map { $0.addresses.map(\.description) }
  }
}

extension RecursiveResolver {
  /// The top of the zone that a name is in, and its primary: the closest SOA at or above the name.
  public func zoneApex(of name: DomainName) async throws(DNSError) -> (apex: DomainName, primary: DomainName)
  {
    var current: DomainName? = name
    while let candidate = current, !candidate.labels.isEmpty {
      let answer = try await ask(candidate, .soa)
      for record in answer.records where record.name == candidate {
        if case .authority(let primary) = record.data { return (candidate, primary) }
      }
      // A server may tell the zone of a name that does not exist, but only one above it is believed.
      for record in answer.authorities where record.type == .soa && candidate.isAtOrBelow(record.name) {
        if case .authority(let primary) = record.data, !record.name.labels.isEmpty {
          return (record.name, primary)
        }
      }
      current = candidate.parent
    }
    throw DNSError(.unusable, "no zone is known that \(name) is in")
  }

  /// The zone of a name with every address of every of its servers. `port` is where they listen.
  public func zone(of name: DomainName, port: UInt16 = 53) async throws(DNSError) -> Zone {
    let (apex, primary) = try await zoneApex(of: name)
    var servers: [(name: DomainName, addresses: [SocketAddress])] = []
    let names = try await look(up: apex, .ns).records.compactMap { record -> DomainName? in
      if case .name(let server) = record.data { server } else { nil }
    }
    var total = 0
    for server in names.prefix(Self.maximumServers) where total < Self.maximumServers {
      var addresses: [SocketAddress] = []
      for type in [RecordType.a, .aaaa] {
        // A server without an address of one family is common, and one that cannot be looked up is asked for below.
        guard let found = try? await look(up: server, type).records else { continue }
        for case .address(let bytes) in found.map(\.data) {
          if let address = SocketAddress(ipBytes: bytes, port: port) { addresses.append(address) }
        }
      }
      total += addresses.count
      servers.append((server, addresses))
    }
    guard servers.contains(where: { !$0.addresses.isEmpty }) else {
      throw DNSError(.unusable, "no address is known of a server of \(apex)")
    }
    return Zone(apex: apex, primary: primary, servers: servers)
  }
}
