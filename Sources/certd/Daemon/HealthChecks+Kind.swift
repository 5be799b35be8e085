import Configuration
import HTTP
import HTTPClient
import OS
import TLS

extension HealthChecks {
  /// How long a server may take to say what it is, in milliseconds.
  private static let kindMilliseconds: UInt64 = 2000
  /// The largest answer that is read for it, in bytes.
  private static let maximumKindBytes = 1 << 20

  /// Asks a server what it is. Nil when it cannot tell yet; `http` when it is none that is known.
  static func recognize(
    _ service: Service, _ known: BackendRegistry.Known, _ context: ClientContext?, _ world: World
  ) async -> ServiceKind? {
    guard let target = known.address, !service.protocol.isPassage else { return .http }
    let options = options(
      service, target, context, milliseconds: kindMilliseconds, maximumBytes: maximumKindBytes)
    for path in EngineKind.paths {
      guard let url = url(path, service, known, port: target.port) else { return .http }
      let request = Request("GET", url, fields: service.ownFields())
      let response: Response
      do throws(HTTPClientError) { response = try await world.client.send(request, options) } catch {
        return nil
      }
      switch EngineKind.read(path, status: response.status, body: response.body) {
      case .kind(let kind): return kind
      case .later: return nil
      case .nothing: continue
      }
    }
    return .http
  }
}
