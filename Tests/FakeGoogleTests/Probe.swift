import FakeGoogle
import HTTP
import HTTPClient
import Testing

/// One call of a story that both stand-ins are told.
struct Probe: Sendable {
  var method: String
  /// Below `/compute/v1/projects/demo-project/`, or whole when it begins with a slash.
  var path: String
  var body: JSON?
  var token: Token = .good

  enum Token: Sendable { case good, bad, none }

  init(_ method: String, _ path: String, _ body: JSON? = nil, token: Token = .good) {
    self.method = method
    self.path = path
    self.body = body
    self.token = token
  }

  static func get(_ path: String) -> Probe { Probe("GET", path) }
  static func post(_ path: String, _ body: JSON) -> Probe { Probe("POST", path, body) }
  static func delete(_ path: String) -> Probe { Probe("DELETE", path) }

  var name: String { "\(method) \(path)\(body.map { " \($0.text.prefix(90))" } ?? "")" }
}

/// Tells a story to one of the stand-ins.
struct Teller: Sendable {
  let base: String
  let token: String
  let client: HTTPClient

  init(base: String, token: String) throws {
    self.base = base
    self.token = token
    client = try HTTPClient(environment: [:], idleMilliseconds: 3_600_000)
  }

  func raw(_ probe: Probe) async throws -> (status: Int, body: JSON) {
    let prefix = probe.path.hasPrefix("/") ? "" : "/compute/v1/projects/demo-project/"
    var fields: Fields = []
    switch probe.token {
    case .good: fields.add("Authorization", "Bearer \(token)")
    case .bad: fields.add("Authorization", "Bearer nobody-knows-me")
    case .none: break
    }
    if probe.body != nil { fields.add("Content-Type", "application/json") }
    let url = try #require(URL(base + prefix + probe.path))
    let body = probe.body.map { Array($0.text.utf8) } ?? []
    let response = try await client.send(Request(probe.method, url, fields: fields, body: body))
    return (response.status, JSON.parse(response.body) ?? .null)
  }

  /// What became of a call, its operation included: `200`, `400 resourceInUse…`, `200 then QUOTA_EXCEEDED`.
  func outcome(_ probe: Probe) async throws -> String {
    var (status, body) = try await raw(probe)
    if let error = body["error"], status != 200 {
      let reason = error["errors"]?.items.first?["reason"]?.string ?? error["status"]?.string ?? ""
      return "\(status) \(reason)"
    }
    var looks = 0
    while let name = body["name"]?.string, looks < 1000 {
      looks += 1
      if body["kind"] == "compute#operation" {
        if body["status"] == "DONE" { break }
        let link = body["selfLink"]?.string ?? ""
        let scope = link.split(separator: "/demo-project/").last?.split(separator: "/operations/").first ?? ""
        body = try await raw(Probe("POST", "\(scope)/operations/\(name)/wait", [:])).body
      } else if name.contains("/operations/") {
        if body["done"] == true { break }
        body = try await raw(.get("/v1/\(name)")).body
      } else {
        break
      }
    }
    if let error = body["error"] {
      let code = error["errors"]?.items.first?["code"]?.string ?? error["code"]?.text ?? ""
      return "\(status) then \(code)"
    }
    return "\(status)"
  }
}
