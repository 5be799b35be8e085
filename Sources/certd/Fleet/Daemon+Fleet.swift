import Bytes
import Configuration
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
      await shareKeys()
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
    case .file(let group, let content):
      if takeKeys(group, content) { await watchKeys() }
    case .configuration(let turn, let text): await follow(turn, text)
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

  // MARK: Files of keys

  /// Files of keys that all nodes have, by their group.
  private var sharedKeyFiles: [(group: String, file: String)] {
    guard plan.configuration.fleet?.sharesKeys == true else { return [] }
    return plan.configuration.keyGroups.compactMap { one in one.file.map { (one.name, $0.value) } }
  }

  /// What the fleet has is taken; what it has not is given to it. A file that was changed here while etcd was away, and by
  /// nobody else, is given to it too.
  private func shareKeys() async {
    guard let fleet else { return }
    for (group, file) in sharedKeyFiles {
      let known = await fleet.file(group)
      let own = try? FileSystem().read(file, limitInBytes: FleetNode.maximumFileInBytes, followingLinks: true)
      switch keyMarks.choice(group, own: own, fleet: known) {
      case .nothing: if let own { agree(group, own) }
      case .offer: if let own, await fleet.offer(file: group, own) { agree(group, own) }
      case .conflict:
        keepAside(file, own ?? [], group)
        fallthrough
      case .take: if let known, takeKeys(group, known) { await watchKeys() }
      }
    }
  }

  /// Files of keys have changed here: all nodes get them.
  func offerKeys() async {
    guard let fleet else { return }
    for (group, file) in sharedKeyFiles {
      guard
        let own = try? FileSystem().read(
          file, limitInBytes: FleetNode.maximumFileInBytes, followingLinks: true),
        own != keysTaken[group]
      else { continue }
      if await fleet.offer(file: group, own) {
        agree(group, own)
      } else if await fleet.isConnected {
        log.error("keys were changed at two nodes at once; the other's stand", ["group": .text(group)])
      }
    }
  }

  /// This node and the fleet have the same keys.
  private func agree(_ group: String, _ content: [UInt8]) {
    keysTaken[group] = content
    keyMarks.agree(group, content)
  }

  /// Nothing is lost: what stood here beside the fleet's is kept for whoever has to bring both together.
  private func keepAside(_ file: String, _ own: [UInt8], _ group: String) {
    let place = "\(file).before-fleet"
    try? FileSystem().publish(place, own, mode: KeyEditor.mode)
    log.error(
      "keys differ from the fleet's, whose stand; those of this node are kept",
      ["group": .text(group), "file": .text(place)])
  }

  /// Writes what another node has; false where it is here already, or cannot be.
  private func takeKeys(_ group: String, _ content: [UInt8]) -> Bool {
    guard let file = sharedKeyFiles.first(where: { $0.group == group })?.file else { return false }
    agree(group, content)
    let fs = FileSystem()
    let own = try? fs.read(file, limitInBytes: FleetNode.maximumFileInBytes, followingLinks: true)
    guard own != content else { return false }
    do throws(SystemError) {
      let lock = try FileLock.acquire(
        file + ".lock", fs, patienceNanoseconds: KeyEditor.patienceNanoseconds)
      defer { withExtendedLifetime(lock) {} }
      try fs.publish(file, content, mode: KeyEditor.mode)
      log.info("keys of the fleet taken up", ["group": .text(group)])
      return true
    } catch {
      log.error(
        "keys of the fleet could not be written", ["group": .text(group), "reason": .describing(error)])
      return false
    }
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
