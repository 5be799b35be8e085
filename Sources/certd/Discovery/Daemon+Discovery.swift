import Configuration
import Telemetry

// Backends that come and go while certd runs, without a reload of anything else.
extension Daemon {
  /// A configuration with the backends that its sources have told of last; files are read at once, so that they are there from
  /// the first request on.
  static func filled(
    _ reading: Configuration.Reading, _ backends: BackendRegistry
  ) async -> Configuration.Reading {
    var reading = reading
    for place in reading.configuration.services.indices {
      let service = reading.configuration.services[place]
      guard let source = service.source else { continue }
      if case .file(let path) = source,
        case .found(let found) = BackendFile(path: path, service: service).read()
      {
        await backends.note(found, of: service.name, source)
      }
      guard let found = await backends.found(service.name, source) else { continue }
      reading.fill(place, found)
    }
    return reading
  }

  /// A source has told of a service's backends.
  func discovered(_ service: String, _ outcome: DiscoveryOutcome) async {
    guard let place = plan.configuration.services.firstIndex(where: { $0.name == service }),
      let source = plan.configuration.services[place].source
    else { return }
    switch outcome {
    case .failed(let reason):
      guard discoveryFailures[service] != reason else { return }
      discoveryFailures[service] = reason
      log.warn(
        "backends cannot be looked for; those known last stay",
        ["service": .text(service), "source": .text(source.word), "reason": .text(reason)])
    case .found(let found):
      if discoveryFailures.removeValue(forKey: service) != nil {
        log.info("backends can be looked for again", ["service": .text(service)])
      }
      let before = FoundBackends(
        backends: plan.configuration.services[place].backends,
        groups: plan.configuration.services[place].groups)
      guard before != found else { return }
      await backends.note(found, of: service, source)
      plan.configuration.services[place].backends = found.backends
      plan.configuration.services[place].groups = found.groups
      log.info(
        "backends found",
        ["service": .text(service), "source": .text(source.word), "count": .number(found.backends.count)])
      await namesMoved()
    }
  }

  /// Neither checks backends nor looks for them any more.
  func stopLooking() {
    health.stop()
    discovery.stop()
  }

  /// Looks for what the configuration says.
  func followSources() {
    let post = post
    discoveryFailures = discoveryFailures.filter { name, _ in
      plan.configuration.service(named: name)?.source != nil
    }
    discovery.follow(plan.configuration, world) { post.yield(.discovered(service: $0, $1)) }
  }
}
