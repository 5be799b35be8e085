/// Where a service's backends are found while certd runs.
public enum BackendSource: Sendable, Equatable {
  /// A file that lists them.
  case file(path: String)
  /// The endpoints of a service in Kubernetes.
  case kubernetes(KubernetesService)
  /// The servers that SRV records of a name in DNS lead to.
  case srv(name: String)
  /// The containers that have a label.
  case docker(DockerContainers)

  /// Its kind, in a word.
  public var word: String {
    switch self {
    case .file: "file"
    case .kubernetes: "kubernetes"
    case .srv: "srv"
    case .docker: "docker"
    }
  }
}

/// A service in Kubernetes, whose EndpointSlices tell its endpoints.
public struct KubernetesService: Sendable, Equatable {
  /// Its namespace; nil for the one that certd runs in.
  public var namespace: String?
  /// Its name.
  public var service = ""
  /// The port's number or name; nil for the only one.
  public var port: String?
  /// The API server; nil for the one of the cluster that certd runs in.
  public var api: String?
  /// The file of the token that is shown; it is read again for each connection.
  public var tokenFile = KubernetesService.account + "/token"
  /// The file of the roots that are trusted.
  public var roots = KubernetesService.account + "/ca.crt"

  /// The defaults.
  public init() {}

  /// Where pods find who they are.
  public static let account = "/var/run/secrets/kubernetes.io/serviceaccount"
}

/// Containers of a Docker Engine.
public struct DockerContainers: Sendable, Equatable {
  /// `NAME` or `NAME=VALUE`.
  public var label = ""
  /// The port in the container; nil for the only one that it exposes.
  public var port: UInt16?
  /// The engine's socket.
  public var socket = "/var/run/docker.sock"

  /// The defaults.
  public init() {}
}

/// Backends that were found, in groups where there are some.
public struct FoundBackends: Sendable, Equatable {
  /// The backends.
  public var backends: [Backend]
  /// Groups that they stand in.
  public var groups: [BackendGroup]
  /// What was found.
  public init(backends: [Backend] = [], groups: [BackendGroup] = []) {
    (self.backends, self.groups) = (backends, groups)
  }

  /// Servers that were found with priorities and weights, as SRV records have them: each priority is a group.
  public init(_ servers: [(host: String, port: UInt16, priority: Int, weight: Int)]) {
    self.init()
    let priorities = Set(servers.map(\.priority)).sorted()
    if priorities.count > 1 {
      groups = priorities.indices.map { place in
        var group = BackendGroup(origin: .none)
        group.priority = place
        return group
      }
    }
    for server in servers {
      guard var backend = Self.backend(server.host, server.port) else { continue }
      backend.weight = max(1, server.weight)
      backend.group = groups.isEmpty ? 0 : priorities.firstIndex(of: server.priority) ?? 0
      if !backends.contains(where: { $0.address == backend.address }) { backends.append(backend) }
    }
  }

  /// Nil for what is neither a name nor an address, or has no port.
  private static func backend(_ host: String, _ port: UInt16) -> Backend? {
    guard port > 0, let name = try? HostName.parse(host) else { return nil }
    return Backend(address: .tcp(host: name, port: port), origin: .none)
  }

  /// Addresses that were found; each zone is a group where this node is in one.
  public init(_ endpoints: [(host: String, port: UInt16, zone: String?)], zone: String?) {
    self.init()
    var places: [String?: Int] = [:]
    for endpoint in endpoints {
      guard var backend = Self.backend(endpoint.host, endpoint.port) else { continue }
      guard !backends.contains(where: { $0.address == backend.address }) else { continue }
      if zone != nil {
        let place = places[endpoint.zone] ?? groups.count
        if place == groups.count {
          places[endpoint.zone] = place
          groups.append(BackendGroup(zone: endpoint.zone, origin: .none))
        }
        backend.group = place
      }
      backends.append(backend)
    }
  }
}
