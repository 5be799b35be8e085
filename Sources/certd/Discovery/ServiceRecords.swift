import Configuration
import DNS

/// The servers that SRV records lead to, looked up again when their time is over.
struct ServiceRecords {
  let name: String
  /// Asks DNS.
  let look: @Sendable (DomainName) async throws(DNSError) -> RecursiveResolver.Findings

  /// How long records are believed, in seconds.
  static let seconds = 1.0...3600.0

  /// Asks the servers of the system's `resolv.conf`, as it is now.
  static func system(_ name: DomainName) async throws(DNSError) -> RecursiveResolver.Findings {
    let environment = NameServers.Environment(
      random: { UInt16.random(in: .min ... .max) }, sleep: { try await World.sleep(seconds: $0) })
    return try await RecursiveResolver(servers: NameLifetime.system(), environment).look(up: name, .srv)
  }

  func watch(_ tell: (DiscoveryOutcome) -> Void) async {
    var pause = DiscoveryPause()
    while !Task.isCancelled {
      let (outcome, believed) = await find()
      tell(outcome)
      if believed != nil { pause.reset() }
      let seconds = believed ?? pause.take(chance: World.random())
      guard (try? await World.sleep(seconds: seconds)) != nil else { return }
    }
  }

  /// What there is now, and for how long, in seconds; nil where that is nothing to go by.
  func find() async -> (DiscoveryOutcome, Double?) {
    guard let host = DomainName(name) else { return (.failed("\(name) is no name of DNS"), nil) }
    do throws(DNSError) {
      let found = try await look(host)
      let servers = found.records.compactMap {
        record -> (host: String, port: UInt16, priority: Int, weight: Int)? in
        // The root says that the service is decidedly not there.
        guard case .service(let priority, let weight, let port, let target) = record.data, target != .root
        else { return nil }
        return ("\(target)", port, Int(priority), Int(weight))
      }
      guard !servers.isEmpty else { return (.failed("\(name) has no SRV records"), nil) }
      let ttl = Double(found.secondsToLive ?? 0)
      let sorted = servers.sorted { ($0.priority, $0.host, $0.port) < ($1.priority, $1.host, $1.port) }
      return (
        .found(FoundBackends(sorted)), min(max(ttl, Self.seconds.lowerBound), Self.seconds.upperBound)
      )
    } catch { return (.failed("\(error)"), nil) }
  }
}
