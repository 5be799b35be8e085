import Bytes
import JSON
import OS
import Proxy
import TLS
import Upstream

/// What one process leaves to the one that takes its place, besides its sockets: ticket keys, and what it has learnt of
/// backends. What cannot be read of it is left out: everything can be learnt anew.
struct Handover {
  /// What is known of one backend.
  struct Backend: Equatable {
    var health = BackendStatus.Health.unknown
    /// Tokens of prompts that it reads in a second.
    var rate = 0
    /// How many tokens its cache holds.
    var cacheTokens = 0
    /// Blocks that its cache is likely to hold, those used last first.
    var blocks: [UInt64] = []
  }

  /// Secret.
  var ticketKeys: [UInt8] = []
  /// When the newest was made.
  var ticketsRotatedAt: UnixTime?
  var backends: [String: Backend] = [:]
  /// What an operator has said: backends that are out, weights, and whether no new clients are wanted.
  var drained: [String] = []
  var weights: [String: Int] = [:]
  var isLeaving = false
}

extension Handover.Backend {
  init(of status: BackendStatus) {
    health = status.checkedHealth
    rate = status.engine.rate
    cacheTokens = status.engine.index.cacheTokens
    blocks = status.engine.index.remembered
  }

  /// Has a backend begin with this.
  func give(to status: BackendStatus) {
    status.health = health
    if rate > 0 { status.engine.adopt(rate: rate) }
    if cacheTokens > 0 { status.engine.index.follow(cacheTokens: cacheTokens) }
    status.engine.index.use(blocks.span)
  }
}

// As JSON, in one line.
extension Handover {
  /// The most backends that are handed over.
  static let maximumBackends = 65_536

  /// As another certd reads it.
  var bytes: [UInt8] {
    var members: [String: JSONValue] = [:]
    for (name, backend) in backends.prefix(Self.maximumBackends) { members[name] = backend.json }
    let value: JSONValue = .object([
      "ticket_keys": .string(Hex.encode(ticketKeys)),
      "tickets_rotated_at": ticketsRotatedAt.map { .number("\($0.seconds)") } ?? .null,
      "backends": .object(members), "drained": .array(drained.map { .string($0) }),
      "weights": .object(weights.mapValues { .number("\($0)") }), "is_leaving": .bool(isLeaving),
    ])
    return Array(value.text.utf8)
  }

  /// What another certd has written, as far as it can be read.
  init(reading bytes: [UInt8]) {
    guard !bytes.isEmpty, let value = try? JSONValue(parsing: bytes) else { return }
    ticketKeys = value["ticket_keys"]?.string.flatMap { Hex.decode($0) } ?? []
    ticketsRotatedAt = value["tickets_rotated_at"]?.int.map { UnixTime(seconds: $0) }
    drained = value["drained"]?.strings ?? []
    for (name, one) in value["weights"]?.members ?? [:] {
      if let weight = one.int, Daemon.weights.contains(Int(clamping: weight)) { weights[name] = Int(weight) }
    }
    isLeaving = value["is_leaving"]?.bool ?? false
    for (name, one) in value["backends"]?.members ?? [:] { backends[name] = Backend(one) }
  }
}

extension Handover.Backend {
  fileprivate var json: JSONValue {
    var text: [UInt8] = []
    text.reserveCapacity(blocks.count * 8)
    for block in blocks {
      for byte in 0..<8 { text.append(UInt8(truncatingIfNeeded: block >> UInt64(8 * byte))) }
    }
    return .object([
      "health": .number("\(health.rawValue)"), "rate": .number("\(rate)"),
      "cache_tokens": .number("\(cacheTokens)"), "blocks": .string(Hex.encode(text)),
    ])
  }

  fileprivate init(_ value: JSONValue) {
    health = value["health"]?.int.flatMap { .init(rawValue: UInt8(clamping: $0)) } ?? .unknown
    rate = Int(clamping: value["rate"]?.int ?? 0)
    cacheTokens = Int(clamping: value["cache_tokens"]?.int ?? 0)
    let text = value["blocks"]?.string.flatMap { Hex.decode($0) } ?? []
    blocks = stride(from: 0, to: text.count - text.count % 8, by: 8).map { at in
      text[at..<at + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
  }
}
