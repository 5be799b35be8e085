import Configuration
import OS
import PKI
import Proxy
import Upstream

/// Backends over reloads: the addresses that their names resolve to, each a candidate with a status of its own.
actor BackendRegistry {
  /// One candidate as it stands now.
  struct Known: Sendable {
    /// Tells it from every other one of its service, over reloads.
    let key: String
    /// Nil while the name does not resolve.
    let address: SocketAddress?
    /// As it is written.
    let host: String
    let status: BackendStatus
    /// Its name has other addresses as well.
    let isOneOfSeveral: Bool
    /// How much of its weight it has, in parts of `wholeShare`: an address that has joined others starts slowly.
    let share: Int
  }

  /// How long addresses are believed while they answer, in seconds, where nobody tells a TTL.
  static let believedSeconds = 30.0
  /// What a backend that has been there for a while has of its weight.
  static let wholeShare = 4
  /// How long an address that joins others takes to its whole weight, in seconds.
  static let slowStartSeconds = 10.0
  /// How soon a name is looked up again whose backend fails, in seconds.
  static let suspectSeconds = 1.0
  /// How soon a name is looked up again that does not resolve, in seconds.
  static let unresolvedSeconds = 0.5
  /// Addresses of one name that are used.
  static let maximumAddresses = 16

  private struct Name {
    var addresses: [SocketAddress] = []
    var lookedUpAt: Double?
    var isSuspect = false
    var isUnderWay = false
    var isFailing = false
    var believedSeconds = BackendRegistry.believedSeconds
  }

  private struct Key: Hashable {
    let host: String
    let port: UInt16
  }

  private var names: [Key: Name] = [:]
  private var statuses: [String: BackendStatus] = [:]
  private var rooms: [String: ServiceRoom] = [:]
  private var services: [String: ServiceState] = [:]
  /// What sources of backends have told last, by service.
  private var sources: [String: (source: BackendSource, found: FoundBackends)] = [:]
  /// What the process before this one knew of backends, until they are met.
  private var heritage: [String: Handover.Backend] = [:]

  /// Backends that an operator has taken out, and weights that one has given, by service and backend.
  private var drained: Set<String> = []
  private var weights: [String: Int] = [:]
  private let warn: @Sendable (String) -> Void
  private let resolve: Resolve
  private let lifetime: Lifetime
  /// When addresses came to names that had others, and what share they were last told with.
  private var joined: [String: (at: Double, told: Int)] = [:]
  private let milliseconds: @Sendable () -> UInt64

  /// Addresses of a host; may block.
  typealias Resolve = @Sendable (_ host: String, _ port: UInt16) -> Result<[SocketAddress], SystemError>

  /// How long DNS says that these addresses of a host hold good, in seconds; nil when it does not say.
  typealias Lifetime = @Sendable (_ host: String, _ addresses: [SocketAddress]) async -> Double?

  /// Where the sockets of the admin API are, for routes to certd itself.
  private let adminDirectory: String
  /// What cookies are made with that keep clients at backends.
  let affinitySecret: [UInt8]

  init(
    adminDirectory: String = "",
    affinitySecret: [UInt8] = Random.bytes(32),
    resolve: @escaping Resolve = BackendRegistry.system,
    lifetime: @escaping Lifetime = { _, _ in nil },
    milliseconds: @escaping @Sendable () -> UInt64 = { Clock.monotonicNanoseconds() / 1_000_000 },
    warn: @escaping @Sendable (String) -> Void
  ) {
    self.warn = warn
    self.adminDirectory = adminDirectory
    self.affinitySecret = affinitySecret
    self.resolve = resolve
    self.lifetime = lifetime
    self.milliseconds = milliseconds
  }

  /// The system's resolver.
  static func system(_ host: String, _ port: UInt16) -> Result<[SocketAddress], SystemError> {
    do throws(SystemError) { return .success(try Resolver.resolve(host: host, port: port)) } catch {
      return .failure(error)
    }
  }

  private var now: Double { Double(milliseconds()) / 1000 }

  private static func key(_ backend: BackendAddress) -> Key? {
    guard case .tcp(let host, let port) = backend, SocketAddress(host: host, port: port) == nil else {
      return nil
    }
    return Key(host: host, port: port)
  }

  /// Forgets all names but those of these backends: a configuration has taken the place of another.
  func keep(_ backends: [BackendAddress]) {
    let wanted = Set(backends.compactMap(Self.key))
    names = names.filter { wanted.contains($0.key) }
  }

  /// Looks up all names of these backends that are not known well, at once. The others stay: a configuration that is
  /// refused takes nothing from the one that goes on.
  func prepare(_ backends: [BackendAddress]) async {
    let wanted = Set(backends.compactMap(Self.key))
    for key in wanted where names[key] == nil { names[key] = Name() }
    let due = wanted.filter { isDue($0) }
    await withTaskGroup { group in
      for key in due { group.addTask { _ = await self.lookUp(key) } }
    }
  }

  /// Whether any backend is given by name.
  var hasNames: Bool { !names.isEmpty }

  /// Looks up what is due, each name by itself: a resolver that is slow for one holds up no other. `changed` is called
  /// when a name leads elsewhere.
  func lookUpDue(changed: @escaping @Sendable () -> Void) {
    if hasGrown() { changed() }
    for key in names.keys where isDue(key) {
      names[key]?.isUnderWay = true
      Task { if await self.lookUp(key) { changed() } }
    }
  }

  /// A backend has failed: its name may lead elsewhere by now.
  func suspect(_ backend: BackendAddress) {
    if let key = Self.key(backend) { names[key]?.isSuspect = true }
  }

  private func isDue(_ key: Key) -> Bool {
    guard let name = names[key], !name.isUnderWay else { return false }
    guard let last = name.lookedUpAt else { return true }
    let age = now - last
    if name.addresses.isEmpty { return age >= Self.unresolvedSeconds }
    return age >= (name.isSuspect || hasFailing(key) ? Self.suspectSeconds : name.believedSeconds)
  }

  /// Whether requests could not reach one of its addresses.
  private func hasFailing(_ key: Key) -> Bool {
    let now = milliseconds()
    let part = " \(BackendAddress.tcp(host: key.host, port: key.port)) "
    return statuses.contains { $0.key.contains(part) && $0.value.awaitsCheck(nowMilliseconds: now) }
  }

  /// Whether it leads elsewhere than before. The last known addresses stay while the resolver does not answer.
  private func lookUp(_ key: Key) async -> Bool {
    names[key]?.isUnderWay = true
    let resolve = resolve
    let answer = try? await OwnThread.run { resolve(key.host, key.port) }
    guard var name = names[key] else { return false }
    defer { names[key] = name }
    (name.isUnderWay, name.isSuspect, name.lookedUpAt) = (false, false, now)
    switch answer {
    case .success(let found):
      name.isFailing = false
      var distinct: [SocketAddress] = []
      for one in found where !distinct.contains(where: { $0.description == one.description }) {
        distinct.append(one)
      }
      distinct = Self.used(of: distinct, known: Set(name.addresses.map(\.description)))
      let known = distinct
      Task { self.believe(key, known, await self.lifetime(key.host, known)) }
      // Resolvers turn the order round to spread clients: the same ones are no change.
      let (old, new) = (Set(name.addresses.map(\.description)), Set(distinct.map(\.description)))
      guard old != new else { return false }
      name.addresses = distinct
      forget(key, old.subtracting(new))
      if !old.isEmpty { join(key, new.subtracting(old)) }
      return true
    case .failure(let error):
      if !name.isFailing { warn("backend \(key.host):\(key.port): \(error)") }
      name.isFailing = true
    case nil: break
    }
    return false
  }

  /// Of too many the same ones every time, in whatever order they come: those that are known already stay.
  private static func used(of found: [SocketAddress], known: Set<String>) -> [SocketAddress] {
    guard found.count > maximumAddresses else { return found }
    let texts = found.map { (isKnown: known.contains($0.description), text: $0.description, address: $0) }
    let sorted = texts.sorted { $0.isKnown == $1.isKnown ? $0.text < $1.text : $0.isKnown }
    return sorted.prefix(maximumAddresses).map(\.address)
  }

  /// Takes DNS's word for how long addresses hold good, if they are still the ones.
  private func believe(_ key: Key, _ addresses: [SocketAddress], _ seconds: Double?) {
    guard Set(names[key]?.addresses.map(\.description) ?? []) == Set(addresses.map(\.description)) else {
      return
    }
    names[key]?.believedSeconds = seconds ?? Self.believedSeconds
  }

  /// Addresses that come to others get their share little by little: caches are cold, and everybody sees them at once.
  private func join(_ key: Key, _ new: Set<String>) {
    let backend = BackendAddress.tcp(host: key.host, port: key.port)
    for address in new { joined["\(backend) \(address)"] = (now, 1) }
  }

  private func share(_ key: String) -> Int {
    guard let one = joined[key] else { return Self.wholeShare }
    let grown = Int((now - one.at) / Self.slowStartSeconds * Double(Self.wholeShare))
    return min(Self.wholeShare, max(1, grown))
  }

  /// Whether the share of any address has grown since it was last told.
  private func hasGrown() -> Bool {
    var hasGrown = false
    for (key, one) in joined {
      let share = share(key)
      if share != one.told { hasGrown = true }
      joined[key] = share == Self.wholeShare ? nil : (one.at, share)
    }
    return hasGrown
  }

  /// Addresses that come back are new ones.
  private func forget(_ key: Key, _ gone: Set<String>) {
    let backend = BackendAddress.tcp(host: key.host, port: key.port)
    for address in gone {
      statuses = statuses.filter { !$0.key.hasSuffix(" \(backend) \(address)") }
    }
  }

  /// Where a backend is now: one candidate for each address of its name, one without an address while there is none.
  func candidates(service: String, _ backend: BackendAddress) -> [Known] {
    func known(_ address: SocketAddress?, _ host: String, _ key: String, _ isOneOfSeveral: Bool = false)
      -> Known
    {
      let full = "\(service) \(key)"
      let status = statuses[full] ?? BackendStatus(name: full)
      if statuses.updateValue(status, forKey: full) == nil {
        heritage.removeValue(forKey: full)?.give(to: status)
        status.isDrained = drained.contains("\(service) \(backend)")
      }
      return Known(
        key: key, address: address, host: host, status: status, isOneOfSeveral: isOneOfSeveral,
        share: share(key))
    }
    switch backend {
    case .files(let directory):
      let path = Daemon.filesSocket(of: directory, in: adminDirectory)
      return [known(SocketAddress(unixPath: path), "localhost", "\(backend)")]
    case .admin(let right):
      return [known(SocketAddress(unixPath: right.socket(in: adminDirectory)), "localhost", "\(backend)")]
    case .unix(let path) where isOurs(path):
      warn("\(path) is certd's own socket: routes lead to it by admin:page, admin:read or admin:change alone")
      return [known(nil, "localhost", "\(backend)")]
    case .unix(let path): return [known(SocketAddress(unixPath: path), "localhost", "\(backend)")]
    case .tcp(let host, let port):
      guard let key = Self.key(backend) else {
        return [known(SocketAddress(host: host, port: port), host, "\(backend)")]
      }
      let addresses = names[key]?.addresses ?? []
      if addresses.isEmpty { return [known(nil, host, "\(backend)")] }
      return addresses.map { known($0, host, "\(backend) \($0)", addresses.count > 1) }
    }
  }

  /// Whether a path leads to a socket of certd's own, where everything may be asked for.
  private func isOurs(_ path: String) -> Bool {
    let files = FileSystem()
    guard !adminDirectory.isEmpty, let there = try? files.status(adminDirectory, followingLinks: true) else {
      return false
    }
    let parent = try? files.status(FileSystem.parent(of: path), followingLinks: true)
    if parent?.inode == there.inode { return true }
    guard let target = try? files.status(path, followingLinks: true), target.kind == .socket else {
      return false
    }
    let own = ((try? files.list(adminDirectory)) ?? []).filter { $0.hasSuffix(".sock") }
    return own.contains { (try? files.status("\(adminDirectory)/\($0)"))?.inode == target.inode }
  }

  /// What is known of all backends, for a process that takes this one's place.
  var knowledge: [String: Handover.Backend] { statuses.mapValues { Handover.Backend(of: $0) } }

  /// What the process before this one knew of them.
  func inherit(_ knowledge: [String: Handover.Backend]) { heritage = knowledge }

  // MARK: What an operator says

  /// What an operator has said, for a process that takes this one's place.
  var wishes: (drained: [String], weights: [String: Int]) { (drained.sorted(), weights) }

  /// What an operator has said to the process before.
  func follow(drained: [String], weights: [String: Int]) {
    (self.drained, self.weights) = (Set(drained), weights)
  }

  /// Takes all addresses of a backend out, or in again, until certd ends or is told otherwise.
  func drain(_ service: String, _ backend: BackendAddress, _ isDrained: Bool) {
    let name = "\(service) \(backend)"
    if isDrained { drained.insert(name) } else { drained.remove(name) }
    for known in candidates(service: service, backend) { known.status.isDrained = isDrained }
  }

  /// The weight of a backend that an operator has said, until certd ends; nil where the configuration's holds.
  func weight(_ service: String, _ backend: BackendAddress) -> Int? { weights["\(service) \(backend)"] }

  /// Gives a backend another weight; nil for the configuration's.
  func setWeight(_ service: String, _ backend: BackendAddress, _ weight: Int?) {
    weights["\(service) \(backend)"] = weight
  }

  /// Where a service's requests wait.
  func room(service: String) -> ServiceRoom {
    let room = rooms[service] ?? ServiceRoom()
    rooms[service] = room
    return room
  }

  /// A source has told of a service's backends. What is known of those that have gone is forgotten.
  func note(_ found: FoundBackends, of service: String, _ source: BackendSource) {
    let gone = Set((sources[service]?.found.backends ?? []).map { "\($0.address)" })
      .subtracting(found.backends.map { "\($0.address)" })
    sources[service] = (source, found)
    for address in gone {
      for key in statuses.keys
      where key == "\(service) \(address)" || key.hasPrefix("\(service) \(address) ") {
        statuses[key] = nil
      }
    }
  }

  /// What a source has told last; nil for nothing, or when it was another source.
  func found(_ service: String, _ source: BackendSource) -> FoundBackends? {
    sources[service].flatMap { $0.source == source ? $0.found : nil }
  }

  /// What is known of a service.
  func state(service: String) -> ServiceState {
    let state = services[service] ?? ServiceState()
    services[service] = state
    return state
  }

  /// How long the addresses of a backend's name are believed, in seconds; nil for one without a name.
  func believed(_ backend: BackendAddress) -> Double? {
    Self.key(backend).flatMap { names[$0]?.believedSeconds }
  }

  /// Every candidate of a configuration, by service and backend.
  func candidates(_ configuration: Configuration) -> [[[Known]]] {
    configuration.services.map { service in
      service.backends.map { candidates(service: service.name, $0.address) }
    }
  }
}
