import DNS
import OS

/// How long what a name leads to is believed: as long as DNS says, where the addresses come from there.
///
/// The system's resolver, which also reads the hosts file and whatever else the machine is set up for, tells addresses
/// and no time. So DNS is asked beside it, and its word counts when it knows all of the addresses.
struct NameLifetime: Sendable {
  /// The bounds of what is believed, in seconds.
  static let seconds = 1.0...3600.0

  private let environment: NameServers.Environment
  private let servers: @Sendable () -> [SocketAddress]

  init(
    _ environment: NameServers.Environment, servers: @escaping @Sendable () -> [SocketAddress] = Self.system
  ) {
    self.environment = environment
    self.servers = servers
  }

  /// The servers of the system's `resolv.conf`, as it is now.
  static func system() -> [SocketAddress] {
    let text =
      (try? FileSystem().read("/etc/resolv.conf", limitInBytes: 64 << 10, followingLinks: true)) ?? []
    return RecursiveResolver.servers(resolvConf: String(decoding: text, as: UTF8.self))
  }

  /// Seconds; nil where DNS does not know all of the addresses.
  func seconds(_ host: String, _ addresses: [SocketAddress]) async -> Double? {
    guard let name = DomainName(host), !addresses.isEmpty else { return nil }
    let resolver = RecursiveResolver(servers: servers(), environment)
    var open = Set(addresses.map(\.description))
    guard let port = addresses.first?.port else { return nil }
    var least = Self.seconds.upperBound
    for type in [RecordType.a, .aaaa] {
      guard let found = try? await resolver.look(up: name, type) else { continue }
      for record in found.records {
        guard case .address(let bytes) = record.data, let address = SocketAddress(bytes: bytes, port: port)
        else {
          continue
        }
        open.remove(address.description)
      }
      if !found.records.isEmpty { least = min(least, Double(found.secondsToLive ?? 0)) }
      if open.isEmpty { return max(least, Self.seconds.lowerBound) }
    }
    return nil
  }
}

extension SocketAddress {
  /// An address from its 4 or 16 bytes.
  init?(bytes: [UInt8], port: UInt16) {
    let text: String
    switch bytes.count {
    case 4: text = bytes.map(String.init).joined(separator: ".")
    case 16:
      text = stride(from: 0, to: 16, by: 2).map {
        String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16)
      }
      .joined(separator: ":")
    default: return nil
    }
    self.init(host: text, port: port)
  }
}
