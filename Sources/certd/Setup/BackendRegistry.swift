import Configuration
import OS
import Upstream

/// Backends over reloads: their shared status, and the addresses that their names resolve to.
actor BackendRegistry {
  /// A backend as it stands now.
  struct Known: Sendable {
    let address: SocketAddress?
    let host: String
    let status: BackendStatus
  }

  private var statuses: [String: BackendStatus] = [:]
  private var addresses: [String: SocketAddress] = [:]
  private let warn: @Sendable (String) -> Void

  init(warn: @escaping @Sendable (String) -> Void) { self.warn = warn }

  /// The status lives on when a reload keeps the backend; the name is resolved anew.
  func backend(service: String, _ backend: BackendAddress) async -> Known {
    let key = "\(service) \(backend)"
    let status = statuses[key] ?? BackendStatus(name: key)
    statuses[key] = status
    switch backend {
    case .unix(let path):
      return Known(address: SocketAddress(unixPath: path), host: "localhost", status: status)
    case .tcp(let host, let port):
      return Known(address: await resolve(host, port), host: host, status: status)
    }
  }

  /// The first address of a name; the last known one while the resolver does not answer.
  private func resolve(_ host: String, _ port: UInt16) async -> SocketAddress? {
    if let literal = SocketAddress(host: host, port: port) { return literal }
    let key = "\(host):\(port)"
    let answer = try? await OwnThread.run { () -> Result<[SocketAddress], SystemError> in
      do throws(SystemError) { return .success(try Resolver.resolve(host: host, port: port)) } catch {
        return .failure(error)
      }
    }
    switch answer {
    case .success(let found): addresses[key] = found.first
    case .failure(let error): warn("backend \(key): \(error)")
    case nil: break
    }
    return addresses[key]
  }
}
