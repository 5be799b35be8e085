public import OS

/// Changes TXT records of a zone by dynamic update (RFC 2136).
public struct Update: Sendable {
  /// The server that takes updates for the zone.
  public let server: SocketAddress
  /// How messages are signed; nil for a server that asks for no signature.
  public let key: TransactionKey?
  private let servers: NameServers
  private let now: @Sendable () -> Int64

  private static let opcode: UInt16 = 5 << 11
  private static let noneClass: UInt16 = 254
  /// The longest string of a TXT record, in bytes.
  private static let maximumStringBytes = 255

  /// Updates at a server; `now` in seconds since the epoch.
  public init(
    server: SocketAddress, key: TransactionKey?, _ environment: NameServers.Environment,
    now: @escaping @Sendable () -> Int64
  ) {
    self.server = server
    self.key = key
    self.now = now
    servers = NameServers(environment)
  }

  /// Adds one TXT value beside those that are there; adding it again changes nothing.
  public func add(
    _ value: String, at name: DomainName, zone: DomainName, ttl: UInt32
  ) async throws(DNSError) {
    try await send(name, zone, recordClass: Message.internet, ttl: ttl, value)
  }

  /// Removes this TXT value and no other; one that is not there is fine.
  public func remove(_ value: String, at name: DomainName, zone: DomainName) async throws(DNSError) {
    try await send(name, zone, recordClass: Self.noneClass, ttl: 0, value)
  }

  private func send(
    _ name: DomainName, _ zone: DomainName, recordClass: UInt16, ttl: UInt32, _ value: String
  ) async throws(DNSError) {
    let text = Array(value.utf8)
    guard text.count <= Self.maximumStringBytes, name.isAtOrBelow(zone) else {
      throw DNSError(.unusable, "\(name) cannot be changed in the zone \(zone)")
    }
    let id = servers.environment.random()
    var message = Message.header(id, flags: Self.opcode, counts: [1, 0, 1, 0])
    message += zone.wire + Message.number(RecordType.soa.rawValue) + Message.number(Message.internet)
    message += name.wire + Message.number(RecordType.txt.rawValue) + Message.number(recordClass)
    message += Message.number(ttl) + Message.number(UInt16(text.count + 1)) + [UInt8(text.count)] + text
    var mac: [UInt8] = []
    if let key {
      do { (message, mac) = try key.sign(message, time: UInt64(max(0, now()))) } catch {
        throw DNSError(.unusable, "the update of \(zone) could not be signed: \(error)")
      }
    }
    let what = "the update of \(zone)"
    let (bytes, answer) = try await servers.send(message, id, to: server, what: what)
    if let key {
      switch key.verify(bytes, answer, requestMAC: mac, now: UInt64(max(0, now()))) {
      case .genuine: break
      case .rejected(let code): throw rejection(code, key)
      case .forged where answer.code != .noError: break
      case .forged:
        throw DNSError(.unanswered, "\(server): the answer to \(what) is not signed with \(key.name)")
      }
    }
    guard answer.code == .noError else {
      throw DNSError(.refused(answer.code), "\(server) refuses \(what): \(answer.code)\(hint(answer.code))")
    }
  }

  private func rejection(_ code: ResponseCode, _ key: TransactionKey) -> DNSError {
    let why =
      switch code.rawValue {
      case 16: "the secret of \(key.name) is another one there, or its algorithm"
      case 17: "it knows no key \(key.name)"
      case 18: "its clock and ours are more than \(TransactionKey.fudgeSeconds) s apart"
      default: "\(code)"
      }
    return DNSError(.refused(code), "\(server) does not accept the signature: \(why)")
  }

  private func hint(_ code: ResponseCode) -> String {
    switch code.rawValue {
    case 5: "; allow it by update-policy or allow-update"
    case 9: "; it is not the primary of that zone, or does not accept the key"
    case 10: "; the name is not in that zone"
    default: ""
    }
  }
}
