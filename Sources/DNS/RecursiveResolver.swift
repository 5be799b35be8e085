public import OS

/// Finds out by way of recursive servers.
public struct RecursiveResolver: Sendable {
  /// Where questions are sent, in this order.
  public let servers: [SocketAddress]
  let asking: NameServers

  /// CNAMEs that are followed on the way to one answer.
  public static let maximumAliases = 8
  /// Addresses of name servers that are asked for one zone.
  public static let maximumServers = 32

  /// A resolver; at least one server.
  public init(servers: [SocketAddress], _ environment: NameServers.Environment) {
    self.servers = servers
    asking = NameServers(environment)
  }

  /// The servers of a `resolv.conf(5)`, at most three; 127.0.0.1 when it names none.
  public static func servers(resolvConf: String) -> [SocketAddress] {
    let named = resolvConf.split(whereSeparator: \.isNewline).compactMap { line -> SocketAddress? in
      let words = line.split(whereSeparator: \.isWhitespace)
      guard words.count >= 2, words[0] == "nameserver" else { return nil }
      return SocketAddress(host: String(words[1]), port: 53)
    }
    let fallback = SocketAddress(host: "127.0.0.1", port: 53).map { [$0] } ?? []
    return named.isEmpty ? fallback : Array(named.prefix(3))
  }

  /// What is known of a name.
  public struct Findings: Sendable, Equatable {
    /// The records of the type that was asked for, where the aliases end; none when there are none.
    public let records: [Record]
    /// The name that has them: the one asked for, or where its aliases lead.
    public let canonical: DomainName
    /// Whether there is such a name at all.
    public let exists: Bool
    /// How long they hold good, in seconds: the least of the records' and of the aliases' that led to them; nil for none.
    public let secondsToLive: UInt32?
  }

  /// The records of a name, its aliases followed. Throws `refused` for SERVFAIL and its like.
  public func look(up name: DomainName, _ type: RecordType) async throws(DNSError) -> Findings {
    var canonical = name
    var least: UInt32?
    for _ in 0...Self.maximumAliases {
      let answer = try await ask(canonical, type)
      for record in answer.records where record.type == type || record.type == .cname {
        least = min(least ?? .max, record.ttl)
      }
      let (end, records) = Self.follow(canonical, type, answer.records)
      if !records.isEmpty || end == canonical {
        return Findings(
          records: records, canonical: end, exists: answer.code != .nameError,
          secondsToLive: least)
      }
      // An answer that leads through aliases and ends without records: that end is asked for by itself.
      canonical = end
    }
    throw DNSError(.unusable, "\(name) has more than \(Self.maximumAliases) aliases in a row")
  }

  /// The name at which a name's aliases end in these records, and its records of the type.
  static func follow(_ name: DomainName, _ type: RecordType, _ records: [Record]) -> (DomainName, [Record]) {
    var end = name
    for _ in 0...maximumAliases {
      let own = records.filter { $0.name == end }
      let found = own.filter { $0.type == type }
      if !found.isEmpty { return (end, found) }
      guard case .name(let target)? = own.first(where: { $0.type == .cname })?.data else { break }
      end = target
    }
    return (end, [])
  }

  /// The first server's answer that is one; an answer of NXDOMAIN is one.
  func ask(_ name: DomainName, _ type: RecordType) async throws(DNSError) -> NameServers.Answer {
    var failure = DNSError(.unanswered, "there is no name server to ask for \(name)")
    for server in servers {
      do throws(DNSError) {
        let answer = try await asking.ask(server, name, type, wantsRecursion: true)
        if answer.code == .noError || answer.code == .nameError { return answer }
        failure = DNSError(
          .refused(answer.code), "\(server) answers \(answer.code) for \(name) \(type)")
      } catch { failure = error }
    }
    throw failure
  }
}
