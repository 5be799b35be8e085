import Bytes
import Fleet
import OS
import PKI
import Proxy
import TLS
import Telemetry

// What the daemon does as a node of a fleet.
extension Daemon {
  /// News of the fleet, in their turn.
  func heard(_ news: FleetNode.News) async {
    switch news {
    case .joined(let nodes):
      log.info("fleet joined", ["nodes": .number(nodes)])
      await fleet?.presents(shownToFleet())
      await shareTickets()
      await queueGoogleCloud()
      renew()
    case .lost(let why):
      log.warn("the fleet's etcd cannot be used; what is served goes on", ["reason": .text(why)])
    case .certificates(let names):
      for name in names { log.info("certificate of the fleet taken up", ["name": .describing(name)]) }
      await presentStore()
      // Deploys of this node.
      renew()
    case .released: renew()
    case .tickets(let keys, let rotatedAt):
      if tickets.adopt(keys) { ticketsRotatedAt = rotatedAt }
    case .servedEverywhere(let name, let generation, let nodes, let milliseconds):
      log.info(
        "certificate served by the whole fleet",
        [
          "name": .describing(name), "generation": .number(generation), "nodes": .number(nodes),
          "milliseconds": .number(Int64(clamping: milliseconds)),
        ])
    case .problem(let why): log.warn("fleet", ["reason": .text(why)])
    }
  }

  /// What of the store is presented.
  func shownToFleet() -> [FleetNode.Presented] {
    let names = Set(stored.map(\.label))
    return presented.filter { names.contains($0.label) }.compactMap(\.presented)
  }

  /// Keys of session tickets are changed by whichever node is first; where etcd is away, each has its own.
  func rotateTickets() async {
    guard World.now() - ticketsRotatedAt >= TicketKeys.rotationSeconds else { return }
    if let fleet, await fleet.isConnected {
      let next = TicketKeys(random: { Random.bytes($0) })
      _ = next.adopt(tickets.bytes)
      next.rotate(random: { Random.bytes($0) })
      return await fleet.offer(tickets: next.bytes, rotatedAt: World.now())
    }
    tickets.rotate(random: { Random.bytes($0) })
    ticketsRotatedAt = World.now()
  }

  /// The first node gives the fleet its keys.
  private func shareTickets() async {
    guard let fleet, await !fleet.ticketsAreShared else { return }
    await fleet.offer(tickets: tickets.bytes, rotatedAt: ticketsRotatedAt)
  }
}

extension Credential {
  /// As the fleet is told of it.
  var presented: FleetNode.Presented? {
    leaf.map { FleetNode.Presented(name: label, leaf: Hex.encode($0.sha256)) }
  }
}
