import JSON
import OS

/// What the daemon tells of itself, in lines.
enum DaemonStatus {
  static func lines(_ status: JSONValue) -> [String] {
    let draining = status["draining"]?.bool == true ? ", draining" : ""
    var lines = [
      "certd \(status.cell("version")) runs since \(status.cell("since"))\(draining): \(status.cell("requests")) requests "
        + "under way, \(status.cell("requests_total")) so far, \(status.cell("connections")) connections"
    ]
    if status["reload"]?["ok"]?.bool == false {
      lines.append("the last reload was refused: \(status["reload"]?.cell("error") ?? "")")
    }
    for file in status["unusable_files"]?.strings ?? [] { lines.append("cannot be used: \(file)") }
    let listeners = (status["listeners"]?.elements ?? []).map {
      "\($0.cell("address")) (\($0.cell("protocol")))"
    }
    lines.append("listens at \(listeners.isEmpty ? "nothing" : listeners.joined(separator: ", "))")
    for service in status["services"]?.elements ?? [] {
      let queue = service["queue"].map { ", \($0.cell("waiting")) of \($0.cell("size")) wait" } ?? ""
      lines.append(
        "service \(service.cell("name")) (\(service.cell("kind")), \(service.cell("policy")))\(queue)")
      for one in service["backends"]?.elements ?? [] {
        let why = one["why"].map { ": \($0.cell)" } ?? ""
        lines.append("  \(one.cell("backend")) \(one.cell("state"))\(why), \(one.cell("requests")) requests")
      }
    }
    for key in status["keys_near_limits"]?.elements ?? [] {
      lines.append(
        "key \(key.cell("name")) of group \(key.cell("group")): \(key.cell("used")) of \(key.cell("of")) \(key.cell("limit"))"
      )
    }
    if let fleet = status["fleet"] { lines += fleetLines(fleet) }
    for problem in (status["problems"]?.elements ?? []).suffix(5) {
      lines.append("\(problem.cell("time")) \(problem.cell("level")): \(problem.cell("message"))")
    }
    return lines
  }

  private static func fleetLines(_ fleet: JSONValue) -> [String] {
    let isConnected = fleet["connected"]?.bool == true
    let why = isConnected ? "" : ", without etcd: \(fleet.cell("reason"))"
    var lines = [
      "node \(fleet.cell("node")) of a fleet with \(fleet.cell("certificates")) certificates\(why)"
    ]
    for node in fleet["nodes"]?.elements ?? [] {
      let drift = node["drift"]?.strings ?? []
      let behind = drift.isEmpty ? "" : ", not yet as the fleet: \(drift.joined(separator: ", "))"
      lines.append(
        "  \(node.cell("name")) certd \(node.cell("version")) serves \(node.cell("serves"))\(behind)")
    }
    for (name, node) in (fleet["renewing"]?.members ?? [:]).sorted(by: { $0.key < $1.key }) {
      lines.append("  \(node.cell) renews \(name)")
    }
    return lines
  }

  /// What a change of is worth a line, by name.
  static func facts(_ status: JSONValue) -> [String: String] {
    var facts = [
      "since": status.cell("since"), "draining": status.cell("draining"),
      "last reload": status["reload"]?["ok"]?.bool == false ? "refused" : "taken up",
    ]
    for certificate in status["certificates"]?.elements ?? [] {
      facts["certificate \(certificate.cell("name"))"] = "valid until \(certificate.cell("not_after"))"
    }
    for one in (status["services"]?.elements ?? []).flatMap({ $0["backends"]?.elements ?? [] }) {
      let why = one["why"].map { ": \($0.cell)" } ?? ""
      facts["\(one.cell("service")) \(one.cell("backend")) \(one.cell("address"))"] = one.cell("state") + why
    }
    return facts
  }
}

/// `certd status --watch`.
struct StatusWatch {
  private let client: AdminClient

  /// How often the daemon is asked, in seconds.
  static let pauseSeconds = 2.0

  init(_ client: AdminClient) { self.client = client }

  /// Until somebody ends it.
  func run() async throws {
    let redraws = Sys.isTerminal(1)
    var known: [String: String]?
    while true {
      let facts: [String: String]
      do throws(SetupError) {
        let status = try await client.ask("GET", "/status")
        facts = DaemonStatus.facts(status)
        if redraws { Screen.show(DaemonStatus.lines(status)) }
      } catch {
        if known == nil { throw Failure.exit(error) }
        facts = ["certd": "does not answer"]
        if redraws { Screen.show(["\(error)"]) }
      }
      if !redraws { tell(facts, before: known) }
      known = facts
      try await World.sleep(seconds: Self.pauseSeconds)
    }
  }

  private func tell(_ facts: [String: String], before: [String: String]?) {
    let now = World.now()
    for name in Set(facts.keys).union((before ?? [:]).keys).sorted() where facts[name] != before?[name] {
      let old = before?[name].map { "\($0) -> " } ?? ""
      Output.line("\(now) \(name): \(old)\(facts[name] ?? "gone")")
    }
  }
}

/// A terminal that is drawn anew.
enum Screen {
  static func show(_ lines: [String]) {
    // Home, each line to its end, and what is below.
    let text = lines.map { "\($0)\u{1B}[K" }.joined(separator: "\n")
    Output.line("\u{1B}[H\(text)\u{1B}[J")
  }
}

/// JSON for an encoder.
struct EncodableJSON: Encodable {
  let value: JSONValue

  init(_ value: JSONValue) { self.value = value }

  func encode(to encoder: any Encoder) throws {
    switch value {
    case .object(let members):
      var container = encoder.container(keyedBy: Name.self)
      for (name, member) in members {
        try container.encode(EncodableJSON(member), forKey: Name(stringValue: name))
      }
    case .array(let elements):
      var container = encoder.unkeyedContainer()
      for element in elements { try container.encode(EncodableJSON(element)) }
    case .null:
      var container = encoder.singleValueContainer()
      try container.encodeNil()
    case .bool(let flag): try flag.encode(to: encoder)
    case .string(let text): try text.encode(to: encoder)
    case .number(let text):
      if let whole = Int64(text) {
        try whole.encode(to: encoder)
      } else {
        try (Double(text) ?? 0).encode(to: encoder)
      }
    }
  }

  private struct Name: CodingKey {
    let stringValue: String
    init(stringValue: String) { self.stringValue = stringValue }
    var intValue: Int? { nil }
    init?(intValue: Int) { nil }
  }
}
