internal import Bytes
internal import JSON

/// The gateway's JSON: questions written, answers read. Pure.
enum Wire {
  /// The longest text of an error that is kept, in bytes.
  static let maximumReasonInBytes = 300

  // MARK: Questions

  static func text(_ key: String) -> JSONValue { .string(Base64.encode(Array(key.utf8))) }
  static func number(_ value: Int64) -> JSONValue { .string("\(value)") }

  /// The first key behind all that begin so; every key where there is none.
  static func end(ofPrefix prefix: String) -> [UInt8] {
    var bytes = Array(prefix.utf8)
    while let last = bytes.popLast() {
      if last < 0xFF { return bytes + [last + 1] }
    }
    return [0]
  }

  static func range(from key: String, prefix: String?, limit: Int, revision: Int64) -> JSONValue {
    var question: JSONValue = ["key": text(key), "limit": JSONValue(limit)]
    if let prefix { question["range_end"] = .string(Base64.encode(end(ofPrefix: prefix))) }
    if revision > 0 { question["revision"] = number(revision) }
    return question
  }

  static func transaction(_ transaction: Transaction) -> JSONValue {
    [
      "compare": .array(transaction.comparisons.map(comparison)),
      "success": .array(transaction.success.map(operation)),
      "failure": .array(transaction.failure.map(operation)),
    ]
  }

  private static func comparison(_ comparison: Transaction.Comparison) -> JSONValue {
    switch comparison {
    case .created(let key, let revision):
      ["key": text(key), "target": "CREATE", "result": "EQUAL", "create_revision": number(revision)]
    case .modified(let key, let revision):
      ["key": text(key), "target": "MOD", "result": "EQUAL", "mod_revision": number(revision)]
    }
  }

  private static func operation(_ operation: Transaction.Operation) -> JSONValue {
    switch operation {
    case .put(let key, let value, let lease):
      [
        "request_put": [
          "key": text(key), "value": .string(Base64.encode(value)), "lease": number(lease),
        ]
      ]
    case .delete(let key): ["request_delete_range": ["key": text(key)]]
    case .deleteAll(let prefix):
      [
        "request_delete_range": [
          "key": text(prefix), "range_end": .string(Base64.encode(end(ofPrefix: prefix))),
        ]
      ]
    case .get(let key): ["request_range": ["key": text(key)]]
    }
  }

  static func watch(prefix: String, from revision: Int64) -> JSONValue {
    [
      "create_request": [
        "key": text(prefix), "range_end": .string(Base64.encode(end(ofPrefix: prefix))),
        "start_revision": number(revision), "progress_notify": true,
      ]
    ]
  }

  // MARK: Answers

  /// A number that is 0 where it is left out; nil where something else stands.
  static func integer(_ value: JSONValue, _ name: String) -> Int64? {
    guard let member = value[name] else { return 0 }
    return member.int
  }

  static func revision(of answer: JSONValue) throws(EtcdError) -> Int64 {
    guard let header = answer["header"], let revision = integer(header, "revision") else {
      throw .malformed("no revision")
    }
    return revision
  }

  static func keyValue(_ value: JSONValue) throws(EtcdError) -> KeyValue {
    guard let name = value["key"]?.string.flatMap({ Base64.decode($0) }),
      name.count <= KeyValue.maximumKeyInBytes,
      let content = Base64.decode(value["value"]?.string ?? ""),
      let created = integer(value, "create_revision"), let changed = integer(value, "mod_revision"),
      let lease = integer(value, "lease"), created >= 0, changed >= 0
    else { throw .malformed("a key") }
    return KeyValue(
      key: String(decoding: name, as: UTF8.self), value: content, createRevision: created,
      modRevision: changed, lease: lease)
  }

  static func keyValues(_ answer: JSONValue) throws(EtcdError) -> [KeyValue] {
    var found: [KeyValue] = []
    for element in answer["kvs"]?.elements ?? [] { found.append(try keyValue(element)) }
    return found
  }

  static func result(_ answer: JSONValue) throws(EtcdError) -> TransactionResult {
    var result = TransactionResult(
      succeeded: answer["succeeded"]?.bool ?? false, revision: try revision(of: answer), found: [])
    for response in answer["responses"]?.elements ?? [] {
      if let range = response["response_range"] { result.found += try keyValues(range) }
    }
    return result
  }

  /// One line of a watch; nil for one that tells nothing.
  static func message(_ line: some Sequence<UInt8>) throws(EtcdError) -> WatchMessage? {
    guard let value = try? JSONValue(parsing: line) else { throw .malformed("a line of a watch") }
    if let error = value["error"] { throw refusal(error) }
    guard let result = value["result"] else { throw .malformed("a line of a watch") }
    if let compacted = integer(result, "compact_revision"), compacted > 0 { return .compacted(compacted) }
    if result["canceled"]?.bool == true {
      throw .unreachable(reason(result["cancel_reason"]?.string ?? "the watch was ended"))
    }
    let revision = try revision(of: result)
    if result["created"]?.bool == true { return .began(revision: revision) }
    var changes: [Change] = []
    for event in result["events"]?.elements ?? [] {
      guard let pair = event["kv"] else { throw .malformed("an event") }
      changes.append(Change(try keyValue(pair), isGone: event["type"]?.string == "DELETE"))
    }
    return .changes(changes, revision: revision)
  }

  /// What an answer with another status than 200 says.
  static func refusal(_ value: JSONValue) -> EtcdError {
    let words = reason(
      value["message"]?.string ?? value["error"]?.string ?? value["error"]?["message"]?.string ?? "no reason")
    let code = value["code"]?.int ?? value["grpc_code"]?.int ?? 0
    // Unavailable, deadline exceeded: another member may be better off.
    if code == 14 || code == 4 || words.contains("no leader") || words.contains("request timed out") {
      return .unreachable(words)
    }
    return .refused(code: code, words)
  }

  /// The error in an answer's content.
  static func refusal(status: Int, _ content: [UInt8]) -> EtcdError {
    // What is no JSON comes from something else that listens there.
    let line = content.prefix { $0 != 0x0A }
    guard let value = try? JSONValue(parsing: Self.firstValue(line)), case .object = value else {
      return .unreachable("it answers \(status) and not as etcd does")
    }
    return refusal(value)
  }

  /// Up to the end of the first object: etcd's gateway puts trailers behind it.
  private static func firstValue(_ line: some Collection<UInt8>) -> [UInt8] {
    var bytes = Array(line)
    while let last = bytes.last, last != UInt8(ascii: "}") { bytes.removeLast() }
    return bytes
  }

  private static func reason(_ text: String) -> String {
    String(
      decoding: text.utf8.prefix(maximumReasonInBytes).filter { $0 >= 0x20 && $0 != 0x7F }, as: UTF8.self)
  }
}
