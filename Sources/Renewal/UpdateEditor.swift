public import DNS
public import OS

/// Changes zones by dynamic update (RFC 2136).
public struct UpdateEditor: ZoneEditor {
  /// Finds the server that takes updates for a zone.
  public typealias ServerFinder = @Sendable (DomainName) async throws -> SocketAddress

  private let key: TransactionKey?
  private let environment: NameServers.Environment
  private let server: ServerFinder
  private let now: @Sendable () -> Int64

  /// An editor; `now` in seconds since the epoch.
  public init(
    key: TransactionKey?, _ environment: NameServers.Environment, server: @escaping ServerFinder,
    now: @escaping @Sendable () -> Int64
  ) {
    self.key = key
    self.environment = environment
    self.server = server
    self.now = now
  }

  /// Adds the record.
  public func present(_ record: ValidationRecord) async throws {
    let zone = try Self.zone(record)
    try await update(zone).add(record.value, at: record.name, zone: zone, ttl: record.ttl)
  }

  /// Removes the record.
  public func cleanup(_ record: ValidationRecord) async throws {
    let zone = try Self.zone(record)
    try await update(zone).remove(record.value, at: record.name, zone: zone)
  }

  private func update(_ zone: DomainName) async throws -> Update {
    Update(server: try await server(zone), key: key, environment, now: now)
  }

  private static func zone(_ record: ValidationRecord) throws(DNSError) -> DomainName {
    guard let zone = record.zone else {
      throw DNSError(.unusable, "no zone is known that \(record.name) is in")
    }
    return zone
  }
}
