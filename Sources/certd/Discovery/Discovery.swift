import Configuration
import Telemetry

/// What a source of backends has told.
enum DiscoveryOutcome: Sendable, Equatable {
  /// These there are.
  case found(FoundBackends)
  /// It cannot be asked at present, or makes no sense: what it has said last holds.
  case failed(String)
}

/// Backends that are found while certd runs: one task for each service that has a source.
struct Discovery {
  private var tasks: [String: (source: BackendSource, zone: String?, task: Task<Void, Never>)] = [:]

  /// Watches the sources of a configuration; those that have not changed go on. Each tells what it finds.
  mutating func follow(
    _ configuration: Configuration, _ world: World,
    _ tell: @escaping @Sendable (_ service: String, DiscoveryOutcome) -> Void
  ) {
    var wanted: Set<String> = []
    for service in configuration.services {
      guard let source = service.source else { continue }
      wanted.insert(service.name)
      if let known = tasks[service.name], known.source == source, known.zone == configuration.zone {
        continue
      }
      tasks[service.name]?.task.cancel()
      let (name, zone) = (service.name, configuration.zone)
      let task = Task {
        switch source {
        case .file(let path): await BackendFile(path: path, service: service).watch { tell(name, $0) }
        case .kubernetes(let place):
          await KubernetesWatch(place: place, zone: zone, world: world).watch { tell(name, $0) }
        case .srv(let host):
          await ServiceRecords(name: host, look: ServiceRecords.system).watch { tell(name, $0) }
        case .docker(let containers):
          await DockerWatch(containers: containers, world: world).watch { tell(name, $0) }
        }
      }
      tasks[service.name] = (source, zone, task)
    }
    for (name, one) in tasks where !wanted.contains(name) {
      one.task.cancel()
      tasks[name] = nil
    }
  }

  /// Looks for nothing any more.
  mutating func stop() {
    for one in tasks.values { one.task.cancel() }
    tasks = [:]
  }
}

/// How long a source that fails is left alone, in seconds: longer each time.
struct DiscoveryPause {
  /// The first pause, in seconds.
  static let first = 1.0
  /// The longest, in seconds.
  static let longest = 30.0
  private var next = DiscoveryPause.first

  /// The pause after one more failure, with some chance in it.
  mutating func take(chance: Double) -> Double {
    defer { next = min(Self.longest, next * 2) }
    return next * (0.75 + 0.5 * chance)
  }

  /// It has answered.
  mutating func reset() { next = Self.first }
}
