import Configuration
import HTTP
import HTTPClient

/// What a server behind certd is, asked before there is a configuration.
struct BackendLook {
  /// What it is, where it has told; `http` for a server that is no model server that is known.
  var kind: ServiceKind?
  /// The models that it lists.
  var models: [String] = []
  /// Why it could not be asked.
  var problem: String?

  /// How long it may take for one answer, in milliseconds.
  private static let patienceMilliseconds: UInt64 = 2000
  /// The largest answer that is read, in bytes.
  private static let maximumBytes = 1 << 20

  /// Asks the server at a URL without a path.
  static func look(_ base: String, _ world: World) async -> BackendLook {
    var look = BackendLook()
    for path in EngineKind.paths {
      guard let url = URL(base + path) else {
        look.problem = "\(base) is not a URL"
        return look
      }
      let response: Response
      do throws(HTTPClientError) {
        response = try await world.client.send(
          Request("GET", url),
          .init(
            context: nil, deadlineMilliseconds: patienceMilliseconds, maximumBodyBytes: maximumBytes,
            keepsAlive: false))
      } catch {
        look.problem = "\(error)"
        return look
      }
      if path == "/v1/models", response.status == 200 { look.models = EngineModels(response.body).names }
      switch EngineKind.read(path, status: response.status, body: response.body) {
      case .kind(let kind):
        look.kind = kind
        return look
      case .later:
        look.problem = "it is not ready yet (GET \(path) is answered with \(response.status))"
        return look
      case .nothing: continue
      }
    }
    look.kind = .http
    return look
  }
}
