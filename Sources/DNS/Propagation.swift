internal import OS

/// Waits until every server of a zone has a TXT record (RFC 8555 §8.4): a CA may ask any of them.
public struct Propagation: Sendable {
  /// The least and the longest wait between two looks, in seconds.
  static let firstWaitSeconds = 0.5
  /// The longest wait between two looks, in seconds.
  static let longestWaitSeconds = 10.0

  /// The most addresses of one server that are asked.
  static let maximumAddresses = 8

  private let resolver: RecursiveResolver
  private let port: UInt16

  /// Looks by a resolver for the zone, and at its own servers on `port` for the record.
  public init(_ resolver: RecursiveResolver, port: UInt16 = 53) {
    self.resolver = resolver
    self.port = port
  }

  /// What one look found.
  public struct Look: Sendable, Equatable {
    /// Servers that have the value.
    public internal(set) var having: [String] = []
    /// Servers that answer without it, and those that do not answer as they should, each with what it said.
    public internal(set) var lacking: [String] = []
    /// Addresses that cannot be reached from here, of servers that can be reached at another one.
    public internal(set) var unreachable: [String] = []

    /// Whether every server has it.
    public var isComplete: Bool { lacking.isEmpty && !having.isEmpty }
  }

  /// Waits until the value is there, at most so many seconds. Throws an error that tells which servers lack it.
  public func wait(for value: String, at name: DomainName, seconds: Double) async throws(DNSError) {
    var (waited, pause) = (0.0, Self.firstWaitSeconds)
    let began = resolver.asking.environment.uptime()
    var last = "nothing was looked at"
    while true {
      do throws(DNSError) {
        let zone = try await resolver.zone(of: name, port: port)
        let look = await look(for: value, at: name, zone)
        if look.isComplete { return }
        last = look.lacking.joined(separator: "; ")
      } catch { last = error.description }
      // What looking takes counts too: servers may be silent.
      waited = max(waited, resolver.asking.environment.uptime() - began)
      guard waited < seconds else { break }
      let step = min(pause, seconds - waited)
      do { try await resolver.asking.environment.sleep(step) } catch {
        throw DNSError(.unanswered, "cancelled")
      }
      waited += step
      pause = min(pause * 1.5, Self.longestWaitSeconds)
    }
    throw DNSError(
      .unusable, "the TXT record at \(name) was not everywhere after \(Int(seconds)) s: \(last)")
  }

  /// One look at all servers of a zone, all at once.
  public func look(for value: String, at name: DomainName, _ zone: Zone) async -> Look {
    await withTaskGroup(of: (Int, Look).self) { group in
      for (index, server) in zone.servers.enumerated() {
        group.addTask { (index, await self.look(for: value, at: name, server)) }
      }
      var looks: [Int: Look] = [:]
      for await (index, look) in group { looks[index] = look }
      return looks.sorted { $0.key < $1.key }.reduce(into: Look()) {
        $0.having += $1.value.having
        $0.lacking += $1.value.lacking
        $0.unreachable += $1.value.unreachable
      }
    }
  }

  /// A server counts when one of its addresses answers; an address that cannot be reached from this machine, for want of
  /// IPv6 for one, counts only when no other does.
  private func look(
    for value: String, at name: DomainName, _ server: (name: DomainName, addresses: [SocketAddress])
  ) async -> Look {
    var look = Look()
    var silent: [String] = []
    for address in server.addresses.prefix(Self.maximumAddresses) {
      let who = "\(server.name) (\(address.host))"
      do throws(DNSError) {
        let answer = try await resolver.asking.ask(address, name, .txt, wantsRecursion: false)
        let values = answer.records.filter { $0.name == name && $0.type == .txt }.map(\.data)
        if values.contains(.text(Array(value.utf8))) {
          look.having.append(who)
        } else if answer.code == .noError || answer.code == .nameError {
          look.lacking.append("\(who) does not have it")
        } else {
          look.lacking.append("\(who) answers \(answer.code)")
        }
      } catch { silent.append("\(who) does not answer") }
    }
    if look.having.isEmpty, look.lacking.isEmpty {
      look.lacking = silent.isEmpty ? ["\(server.name) has no address"] : silent
    } else {
      look.unreachable = silent
    }
    return look
  }
}
