import Configuration
import HTTP
import HTTPClient
import Proxy
import Upstream

/// Asks a server whether a request may go on, as Traefik's and Caddy's forward auth and nginx's auth_request do: an answer of 2xx
/// lets it in, any other is the client's answer, and none lets nobody in.
final class ForwardGate: Sendable {
  private static let shared = try? HTTPClient()

  private let settings: ForwardAuthSettings
  private let url: URL

  init(_ settings: ForwardAuthSettings, _ url: URL) {
    self.settings = settings
    self.url = url
  }

  func gate() -> RouteGate {
    RouteGate(
      owned: settings.responseHeaders, known: { _ in nil },
      decide: { question, answer in
        Task.detached { answer(await self.verdict(question)) }
      })
  }

  private func verdict(_ question: RouteGate.Question) async -> RouteGate.Verdict {
    let nobody = RouteGate.Verdict.refuse(
      503, [Fields.Field("Content-Type", "text/plain")], Array("who may come in cannot be asked\n".utf8))
    guard let client = Self.shared else { return nobody }
    var options = HTTPClient.Options(
      deadlineMilliseconds: settings.timeout.count, maximumBodyBytes: Proxy.Settings.DirectAnswer.maximumBytes
    )
    options.keepsAlive = true
    do throws(HTTPClientError) {
      let response = try await client.send(Request("GET", url, fields: fields(question)), options)
      guard (200...299).contains(response.status) else {
        let passed = response.fields.all.filter { !Self.isOurs($0.name) }
        return .refuse(response.status, passed, response.body)
      }
      return .pass(
        settings.responseHeaders.flatMap { name in
          response.fields.values(name).map { Fields.Field(name, $0) }
        })
    } catch { return nobody }
  }

  private func fields(_ question: RouteGate.Question) -> Fields {
    var out = Fields()
    for field in question.fields.all where !Self.isOurs(field.name) {
      let name = field.name.lowercased()
      guard !name.hasPrefix("x-forwarded-") && name != "forwarded" && name != "expect" else { continue }
      if let wanted = settings.requestHeaders, !wanted.contains(where: { $0.lowercased() == name }) {
        continue
      }
      out.add(field.name, field.value)
    }
    out.add("X-Forwarded-Method", question.method)
    out.add("X-Forwarded-Proto", question.isSecure ? "https" : "http")
    out.add("X-Forwarded-Host", question.host)
    out.add("X-Forwarded-Uri", question.target)
    out.add("X-Forwarded-For", question.client)
    return out
  }

  /// What belongs to one connection or frames content.
  private static func isOurs(_ name: String) -> Bool {
    [
      "host", "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
      "content-length", "content-encoding", "accept-encoding", "http2-settings",
    ].contains(name.lowercased())
  }
}
