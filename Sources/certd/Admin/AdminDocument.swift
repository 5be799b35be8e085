import JSON

/// The admin API in the words of OpenAPI 3.1; `docs/openapi.json` is the same.
enum AdminDocument {
  /// The whole document.
  static let value: JSONValue = [
    "openapi": "3.1.0",
    "info": [
      "title": "certd admin API", "version": .string(Version.text),
      "description":
        "What a running certd does, and is told to do. On the Unix socket (admin.sock in the store) the socket's right is enough; by admin.address reading needs a token of admin.token_file, and changing one of admin.change_token_file.",
    ],
    "servers": [["url": "http://127.0.0.1:9900", "description": "admin.address"]],
    "security": [["token": []], [:]],
    "paths": paths,
    "components": [
      "securitySchemes": ["token": ["type": "http", "scheme": "bearer"]], "schemas": schemas,
    ],
  ]

  // MARK: Paths

  private static var paths: JSONValue {
    var paths: JSONValue = [
      "/": ["get": text("The status page, for browsers", "page", "text/html")],
      "/events": [
        "get": text("Parts of the page as they change, without an end", "events", "text/event-stream")
      ],
      "/metrics": ["get": text("Metrics for Prometheus", "metrics", "text/plain")],
      "/healthz": ["get": readiness], "/openapi.json": ["get": get("This document", "openapi", "Anything")],
      "/status": [
        "get": get("The daemon, its listeners, services, certificates and problems", "status", "Status")
      ],
      "/services": ["get": get("Services with their backends and queues", "services", "Services")],
      "/backends": ["get": get("Backends, their health and why", "backends", "Backends")],
      "/certificates": ["get": get("Certificates as they are presented", "certificates", "Certificates")],
      "/explain": [
        "post": post("Where a request would go now, and why", "explain", "Question", "Explanation")
      ],
      "/reload": ["post": post("Read the configuration again", "reload", nil, "Reloaded", [409])],
      "/upgrade": [
        "post": post("Have the program at its path take over", "upgrade", nil, "Upgraded", [409])
      ],
      "/drain": [
        "post": post("Say that no new clients are wanted, or are again", "drain", "Undo", "Draining")
      ],
      "/log/level": [
        "put": post("Change the level of the log until the next reload", "logLevel", "Level", "Level")
      ],
    ]
    for (verb, body, summary) in [
      ("drain", nil, "Send no new requests to a backend"),
      ("undrain", nil, "Send requests to a backend again"),
      ("weight", "Weight", "Give a backend another weight until certd ends"),
    ] as [(String, String?, String)] {
      let path = "/backends/{service}/{backend}/\(verb)"
      paths[path] = [
        "post": post(summary, "\(verb)Backend", body, "Backends"),
        "parameters": [
          parameter("service", "The service's name."), parameter("backend", "As it is configured."),
        ],
      ]
    }
    return paths
  }

  private static func parameter(_ name: String, _ description: String) -> JSONValue {
    [
      "name": .string(name), "in": "path", "required": true, "description": .string(description),
      "schema": ["type": "string", "minLength": 1],
    ]
  }

  private static func reference(_ schema: String) -> JSONValue {
    ["$ref": .string("#/components/schemas/\(schema)")]
  }

  private static func content(_ schema: String) -> JSONValue {
    ["application/json": ["schema": reference(schema)]]
  }

  private static func errors(_ more: [Int], to responses: JSONValue) -> JSONValue {
    let words = [
      400: "Not understood", 401: "No token, or a wrong one", 403: "The token may only read",
      404: "Not there",
      409: "Refused; the old configuration goes on", 411: "No Content-Length", 413: "Too much content",
      503: "certd is stopping",
    ]
    var responses = responses
    for status in [400, 401, 503] + more {
      responses["\(status)"] = ["description": .string(words[status] ?? ""), "content": content("Error")]
    }
    return responses
  }

  private static func get(_ summary: String, _ name: String, _ schema: String) -> JSONValue {
    [
      "summary": .string(summary), "operationId": .string(name),
      "responses": errors([], to: ["200": ["description": "As it is now", "content": content(schema)]]),
    ]
  }

  private static func text(_ summary: String, _ name: String, _ type: String) -> JSONValue {
    let there: JSONValue = [
      "description": "As it is now", "content": .object([type: ["schema": ["type": "string"]]]),
    ]
    return [
      "summary": .string(summary), "operationId": .string(name), "responses": errors([], to: ["200": there]),
    ]
  }

  private static var readiness: JSONValue {
    let plain: JSONValue = ["text/plain": ["schema": ["type": "string"]]]
    return [
      "summary": "Whether new clients are wanted", "operationId": "healthz",
      "responses": [
        "200": ["description": "They are", "content": plain],
        "503": ["description": "They are not: it drains", "content": plain],
        "401": ["description": "No token, or a wrong one", "content": content("Error")],
      ],
    ]
  }

  private static func post(
    _ summary: String, _ name: String, _ body: String?, _ schema: String, _ more: [Int] = []
  ) -> JSONValue {
    var operation: JSONValue = [
      "summary": .string(summary), "operationId": .string(name),
      "responses": errors(
        [403, 404, 411, 413] + more, to: ["200": ["description": "Done", "content": content(schema)]]),
    ]
    if let body { operation["requestBody"] = ["required": .bool(body != "Undo"), "content": content(body)] }
    return operation
  }
}

// What is asked and answered, as JSON Schema.
extension AdminDocument {
  fileprivate static var schemas: JSONValue {
    [
      "Anything": ["type": "object"],
      "Error": object(["error": object(["code": text, "message": text])]),
      "Upgraded": object(["process": count]), "Reloaded": object(["reloaded": flag]),
      "Draining": object(["draining": flag]),
      "Level": closed(["level": ["type": "string", "enum": ["debug", "info", "warn", "error"]]], ["level"]),
      "Undo": closed(["undo": flag], []),
      "Weight": closed(
        ["weight": ["type": ["integer", "null"], "minimum": 1, "maximum": 1000]], ["weight"]),
      "Backends": object(["backends": list(reference("Backend"))]),
      "Services": object(["services": list(reference("Service"))]),
      "Certificates": object(["certificates": list(reference("Certificate"))]),
      "Backend": object([
        "service": text, "backend": text, "address": maybe, "state": text, "health": text, "why": maybe,
        "drained": flag, "ejected_ms": count, "requests": count, "connections": count, "weight": count,
        "tokens_in_flight": count, "tokens_per_second": count,
      ]),
      "Service": object(
        [
          "name": text, "kind": text, "policy": text, "backends": list(reference("Backend")),
          "max_requests_per_backend": count,
          "queue": object(["waiting": count, "size": count, "refused": count]),
        ], optional: ["max_requests_per_backend", "queue"]),
      "Certificate": object([
        "name": text, "source": ["enum": ["file", "store"]], "not_before": text, "not_after": text,
        "findings": list(object(["kind": text, "message": text])), "renewal_failing": flag,
        "names": list(text), "issuer": text, "next_attempt": maybe, "last_error": maybe,
      ]),
      "Status": status, "Question": question, "Explanation": explanation,
    ]
  }

  private static var status: JSONValue {
    object([
      "version": text, "since": text, "uptime_seconds": count, "draining": flag, "log_level": text,
      "connections": count, "requests_total": count, "requests": count,
      "listeners": list(object(["address": text, "protocol": ["enum": ["https", "http", "redirect"]]])),
      "services": list(reference("Service")), "certificates": list(reference("Certificate")),
      "keys_near_limits": list(
        object(["id": text, "name": text, "group": text, "limit": text, "used": count, "of": count])),
      "problems": list(["type": "object"]), "events": list(["type": "object"]),
      "reload": object(["ok": flag, "at": text, "error": maybe]),
      "unusable_files": list(text),
    ])
  }

  private static var question: JSONValue {
    closed(
      [
        "method": maybe, "host": maybe, "path": maybe, "model": maybe, "prompt": maybe, "body": maybe,
        "client": maybe, "key_id": maybe,
        "headers": ["type": ["object", "null"], "additionalProperties": ["type": "string"]],
      ], [])
  }

  private static var explanation: JSONValue {
    object(
      [
        "worker": count,
        "services": list(["type": "object", "required": ["name", "reason", "choice", "backends"]]),
        "route": ["type": "object"], "refusal": object(["status": count, "code": text, "message": text]),
        "model": text, "model_line": text, "model_from": ["enum": ["head", "content"]],
        "prompt_tokens": count,
        "key": ["type": "object"],
      ], optional: ["route", "refusal", "model", "model_line", "model_from", "prompt_tokens", "key"])
  }

  private static var text: JSONValue { ["type": "string"] }
  private static var maybe: JSONValue { ["type": ["string", "null"]] }
  private static var flag: JSONValue { ["type": "boolean"] }
  private static var count: JSONValue { ["type": "integer", "minimum": 0] }
  private static func list(_ items: JSONValue) -> JSONValue { ["type": "array", "items": items] }

  private static func object(_ members: [String: JSONValue], optional: Set<String> = []) -> JSONValue {
    [
      "type": "object", "properties": .object(members),
      "required": JSONValue(members.keys.filter { !optional.contains($0) }.sorted()),
    ]
  }

  private static func closed(_ members: [String: JSONValue], _ required: [String]) -> JSONValue {
    [
      "type": "object", "properties": .object(members), "required": JSONValue(required),
      "additionalProperties": false,
    ]
  }
}
