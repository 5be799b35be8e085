import Bytes
import CertStore
import Configuration
import OS
import PKI
import Proxy
import TLS
import Telemetry

// Changes from outside: SIGHUP, replaced files, publications of other processes, names that move.
extension Daemon {
  /// Reads the configuration again. Everything is made and checked first: a bad file changes nothing.
  func reload() async {
    do throws(SetupError) {
      try await adopt(try source.readToServe(recognized))
      (reloaded, refusal) = ((true, World.now()), nil)
      log.info("configuration reloaded")
    } catch {
      (reloaded, refusal) = ((false, World.now()), error.description)
      for line in error.description.split(separator: "\n") {
        log.error("configuration refused; the old one goes on", ["error": .text(String(line))])
      }
    }
  }

  /// Backends have said what they are: they are served as that from now on.
  func recognize(_ service: String, _ kind: ServiceKind) async {
    guard
      let index = plan.configuration.services.firstIndex(where: { $0.name == service && $0.isRecognized }),
      plan.configuration.services[index].kind != kind
    else { return }
    recognized[service] = kind
    // A file that has changed meanwhile is not taken up by this.
    do throws(SetupError) {
      let reading = try source.readToServe(recognized)
      var others = reading.configuration
      others.services = plan.configuration.services
      guard others == plan.configuration else { return }
      try await adopt(reading)
      log.info("backends recognised", ["service": .text(service), "kind": .text(kind.rawValue)])
    } catch {
      log.warn("backends recognised", ["service": .text(service), "reason": .text(error.description)])
    }
  }

  private func adopt(_ reading: Configuration.Reading) async throws(SetupError) {
    var next = try await Blueprint(
      await Self.filled(reading, backends), world: world, store: store, backends: backends, keys: keys,
      fleet: fleet,
      log: log, post: post,
      known: plan.fileCredentials, before: .init(plan.settings, plan.configuration))
    Self.leaveUnwantedPort(
      &next.settings, next.configuration, ours: plan.settings.listeners.map(\.address.description), log)
    if next.configuration.workers != plan.configuration.workers {
      log.warn("the number of workers changes at the next start only")
    }
    if next.configuration.fleet != plan.configuration.fleet {
      log.warn("the fleet changes at the next start only")
    }
    // A listener of the new configuration that is for the same port answers from the same store; else orders go on there.
    let port = plan.challengePort
    let hands = await port.isFor(next.settings.listeners.map(\.address))
    let wasOpen = hands ? await port.close() : false
    Self.openFiles(next.configuration, store, log, &fileServers)
    do throws(ProxyError) { try await proxy.apply(next.settings) } catch {
      if wasOpen { await port.open() }
      throw .other("\(error)")
    }
    let before = Set(plan.settings.listeners.map(\.address.description))
    plan = next
    keepSockets(before)
    await backends.keep(next.configuration.services.flatMap(\.backends).map(\.address))
    log.level = next.configuration.log.level
    log.format = Logging.format(next.configuration.log)
    (files, refusedFiles) = next.watch
    closeUnwantedFiles()
    openAdmin()
    pushFiles()
    fetchIssuers()
    let security = ListenerSecurity(configuration: next.configuration)
    (trust, refusedTrust) = next.trustWatch
    keyFiles = next.keyWatch
    warnOfTrust(security)
    await presentStore()
    proxy.reopenLogs()
    health.start(
      next.configuration, next.settings, await backends.candidates(next.configuration), backends, world, log)
    followSources()
    await queueGoogleCloud()
    post.yield(.judge)
    renew()
  }

  /// Looks whether somebody else has changed something.
  func watch() async {
    watches += 1
    if store.fingerprint() != fingerprint || !isStoreRead {
      // While we renew it may be ours, seen before we were told.
      if !isRenewing, isStoreRead { log.info("another process has published a certificate") }
      await presentStore()
    }
    await watchFiles()
    await watchTrust()
    await watchTimes()
    await rotateTickets()
  }

  /// A pair that does not fit yet is tried again at the next look: certificate and key are replaced one by one.
  private func watchFiles() async {
    let now = FileWatch(plan.files)
    guard now != files else { return }
    // Read again at every look, but told once: half of a pair may stay alone for long.
    let isNews = now != refusedFiles
    refusedFiles = now
    let (configuration, known) = (plan.configuration, plan.fileCredentials)
    let fresh = try? await apart { () throws(SetupError) in Credentials.load(configuration, known: known) }
    guard let fresh else { return }
    let isChanged = fresh.credentials != plan.fileCredentials
    (plan.fileCredentials, plan.broken) = (fresh.credentials, fresh.broken.map(\.file))
    if fresh.broken.isEmpty { (files, refusedFiles) = (now, nil) }
    // One that stays broken holds up no other.
    if isChanged || fresh.broken.isEmpty {
      pushFiles()
      fetchIssuers()
    }
    if isNews { log.tell(fresh) }
    if plan.hasUnknown, !fresh.hasUnknown {
      // What it is for is known by now, and so is what is still to be obtained.
      let reading = Configuration.Reading(configuration: configuration, warnings: [])
      do throws(SetupError) { return try await adopt(reading) } catch {
        // Tried again at the next look.
        files = FileWatch(paths: [])
        if isNews { log.error("certificates", ["reason": .text(error.description)]) }
      }
    }
    await presentStore()
    if isNews { await judge() }
  }

  /// Certificates begin, end and come near their end while nobody changes anything.
  private func watchTimes() async {
    let now = World.now()
    if let change = presentationChange, now >= change { await presentStore() }
    guard now - judgedAt >= Self.judgeSeconds else { return }
    await judge()
    fetchIssuers()
  }

  /// Says what is wrong with certificates from files, or will be soon.
  func judge() async {
    judgedAt = World.now()
    let configuration = plan.configuration
    let (presented, known) = (presented, plan.fileCredentials)
    let judged = try? await apart { () throws(SetupError) in
      let judge = CertificateJudge()
      return (
        Credentials.remarks(configuration, judge), Standing.all(presented, files: known, known: [], judge)
      )
    }
    for one in judged?.0 ?? [] {
      log.warn("certificate file", ["file": .text(one.file), "warning": .text(one.words)])
    }
    standings = judged?.1 ?? standings
  }

  /// Judges what is presented, for who asks.
  func stand() async {
    let (presented, files, known) = (presented, plan.fileCredentials, standings)
    let fresh = try? await apart { () throws(SetupError) in
      Standing.all(presented, files: files, known: known)
    }
    standings = fresh ?? standings
  }

  /// Backends' names lead elsewhere by now: addresses that have gone get no more requests, new ones their share.
  func namesMoved() async {
    let configuration = plan.configuration
    let lenience = Lenience(before: .init(plan.settings, plan.configuration))
    guard
      var settings = try? await ProxySettings(
        configuration: configuration, backends: backends, lenience: lenience, keys: keys
      ).make(),
      settings.places != plan.settings.places, configuration == plan.configuration
    else { return }
    Self.leaveUnwantedPort(
      &settings, configuration, ours: plan.settings.listeners.map(\.address.description), nil)
    do throws(ProxyError) {
      try await proxy.apply(settings)
      plan.settings = settings
    } catch {
      return log.warn("new addresses of backends could not be put to use", ["reason": .describing(error)])
    }
    health.follow(configuration, settings, await backends.candidates(configuration), backends, world, log)
  }
}

extension Log {
  /// Says which certificates from files cannot be used.
  func tell(_ loaded: Credentials.Loaded) {
    for one in loaded.broken {
      error(
        "certificate file cannot be used; what was good before goes on",
        ["file": .text(one.file), "reason": .text(one.reason)])
    }
  }
}

extension Proxy.Settings {
  /// Where the backends' names lead, in their order, and with what weight.
  fileprivate var places: [[String?]] {
    services.map {
      $0.backends.map { backend in backend.address.map { "\($0) \(backend.weight) \(backend.group)" } }
        + $0.groups.map { "\($0)" }
    }
  }
}
