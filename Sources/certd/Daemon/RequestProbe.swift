import Configuration
import HTTP
import HTTPClient
import OS
import Proxy
import TLS

/// One request as a client's would come, beside a health check that passes: an engine may be well and still refuse
/// whoever shows no key, or every Host but its own.
struct RequestProbe {
  private let path: String
  private let host: String?
  private let service: Service
  private let milliseconds: UInt64

  /// `host` is what requests come with; nil when anything may.
  init(_ service: Service, _ check: HealthCheck, _ host: String?) {
    self.service = service
    self.host = host
    milliseconds = UInt64(clamping: check.timeout.wholeMilliseconds)
    path =
      switch service.kind {
      case .vllm, .sglang, .tensorRTLLM, .tgi, .llamaCpp: "/v1/models"
      case .ollama: "/api/tags"
      case .triton: "/v2"
      case .http, .auto, .tfServing: if case .get(let path, _, _) = check.probe { path } else { "/" }
      }
  }

  /// Why clients would be refused; nil when they would not, or when that cannot be told.
  func refusal(_ known: BackendRegistry.Known, _ context: ClientContext?, _ world: World) async -> String? {
    guard !service.protocol.isPassage, let target = known.address else { return nil }
    let own = known.host.contains(":") ? "[\(known.host)]" : known.host
    // Over TLS the name that is verified stays the backend's.
    let name = service.protocol.isSecure || host == nil ? own : host ?? own
    guard let url = URL("\(service.protocol.isSecure ? "https" : "http")://\(name)\(path)") else {
      return nil
    }
    var options = HTTPClient.Options(
      context: context, address: target, deadlineMilliseconds: milliseconds, maximumBodyBytes: 1 << 20,
      keepsAlive: false)
    options.http2 = service.protocol.isHTTP2
    options.preamble = service.sendProxy.map(ProxyProtocol.ownHeader) ?? []
    let request = Request("GET", url, fields: service.ownFields())
    guard let response = try? await world.client.send(request, options) else { return nil }
    let what = "GET \(path) for \(name) is answered with \(response.status)"
    switch response.status {
    case 401:
      return
        "\(what): it wants a key of its own; give it as services.\(service.name).api_key, or let clients send it"
    case 403:
      return "\(what): it may take requests for its own name only; see services.\(service.name).host"
    default: return nil
    }
  }
}

extension Configuration {
  /// A name under which a service is asked for; nil when any will do.
  func firstHost(of service: Service) -> String? {
    let hosts = routes.filter { $0.service.value == service.name }.flatMap(\.hosts).map(\.value)
    return hosts.lazy.filter { $0 != .any }.map(\.description).first { !$0.hasPrefix("*") }
  }
}
