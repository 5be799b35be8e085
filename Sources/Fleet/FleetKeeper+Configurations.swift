public import Bytes
internal import Etcd
internal import JSON
internal import PKI

// Configurations: pushed, looked at by every node, taken by one, then by all.
extension FleetKeeper {
  /// Configurations that are kept.
  public static let keptConfigurations = 20
  /// The largest configuration, in bytes.
  public static let maximumConfigurationInBytes = 512 << 10
  /// How long nodes may take to look at one or to take it, in seconds.
  public static let wordSeconds = 60.0

  /// How it goes on, for people.
  public typealias Progress = @Sendable (String) -> Void

  /// Configurations that were pushed, the newest first, and the number of the one that all are to have.
  public func configurations() async throws(FleetError) -> (all: [PushedConfiguration], current: Int?) {
    let (space, seal) = (space, seal)
    return try await asking {
      var all: [PushedConfiguration] = []
      var current: Int?
      for one in try await client.list(prefix: space.configurations).all {
        switch space.kind(of: one.key) {
        case .turn:
          current = ConfigurationTurn(record: one.value).flatMap { $0.stage == .all ? $0.number : nil }
        case .configuration: all.append(try PushedConfiguration(record: one.value, at: one.key, seal))
        default: break
        }
      }
      return (all.sorted { $0.number > $1.number }, current)
    }
  }

  /// Has every node take a configuration: all look at it first, one takes it before the others, and where one cannot,
  /// all stay with what they had. Gives its number.
  public func push(
    _ text: [UInt8], now: UnixTime, sleep: @Sendable (Double) async throws -> Void, progress: Progress
  ) async throws(FleetError) -> Int {
    guard text.count <= Self.maximumConfigurationInBytes else {
      throw .damaged("the configuration has more than \(Self.maximumConfigurationInBytes) bytes")
    }
    let (all, current) = try await configurations()
    let number = (all.first?.number ?? 0) + 1
    let nodes = try await followers()
    guard let canary = nodes.first else {
      throw .store("no live node follows: fleet.follow: true has it take what is pushed")
    }
    let key = space.configuration(number)
    let pushed = PushedConfiguration(number: number, text: text, at: now)
    let isFirst = try await asking {
      try await client.commit(
        Transaction(
          if: [.created(key, 0)],
          then: [
            .put(key, try pushed.record(at: key, seal)),
            .put(space.turn, ConfigurationTurn(number: number, stage: .check).record),
          ])
      ).succeeded
    }
    guard isFirst else { throw .lost("somebody else is pushing a configuration; try again") }
    do throws(FleetError) {
      progress("\(number): looked at by \(nodes.joined(separator: ", "))")
      try await wait(nodes, number, for: .fit, sleep)
      try await turn(.init(number: number, stage: .canary, canary: canary))
      try await wait([canary], number, for: .taken, sleep)
      progress("\(number): taken by \(canary)")
      try await turn(.init(number: number, stage: .all))
      try await wait(nodes, number, for: .taken, sleep)
    } catch {
      try await turn(.init(number: number, stage: .back))
      progress("\(number): everybody goes back")
      try? await sleep(2)
      try await turnBack(to: current)
      throw error
    }
    try await prune(all)
    return number
  }

  /// Live nodes that take what is pushed.
  private func followers() async throws(FleetError) -> [String] {
    let space = space
    return try await asking {
      try await client.list(prefix: space.node("")).all.filter {
        (try? JSONValue(parsing: $0.value))?["follows"]?.bool == true
      }.map { String($0.key.dropFirst(space.node("").count)) }.sorted()
    }
  }

  private func turn(_ turn: ConfigurationTurn) async throws(FleetError) {
    try await asking { _ = try await client.commit(Transaction(then: [.put(space.turn, turn.record)])) }
  }

  /// What was before is what all are to have. The refused one keeps its number, which nobody else gets.
  private func turnBack(to current: Int?) async throws(FleetError) {
    let before = current.map {
      Transaction.Operation.put(space.turn, ConfigurationTurn(number: $0, stage: .all).record)
    }
    try await asking { _ = try await client.commit(Transaction(then: [before ?? .delete(space.turn)])) }
  }

  private func prune(_ before: [PushedConfiguration]) async throws(FleetError) {
    let old = before.dropFirst(Self.keptConfigurations - 1).map { space.configuration($0.number) }
    guard !old.isEmpty else { return }
    try await asking {
      _ = try await client.commit(
        Transaction(then: old.prefix(Transaction.maximumOperations).map { .delete($0) }))
    }
  }

  /// Waits for a word of each node; a node that has left counts no more.
  private func wait(
    _ nodes: [String], _ number: Int, for wanted: ConfigurationWord,
    _ sleep: @Sendable (Double) async throws -> Void
  ) async throws(FleetError) {
    var waited = 0.0
    while true {
      let words = try await words(of: number)
      let refusals = nodes.compactMap { node in
        if case .refused(let why) = words[node] { "\(node): \(why)" } else { nil as String? }
      }
      guard refusals.isEmpty else { throw .damaged(refusals.joined(separator: "\n")) }
      let live = try await followers()
      let missing = nodes.filter { words[$0] != wanted && words[$0] != .taken && live.contains($0) }
      if missing.isEmpty { return }
      guard waited < Self.wordSeconds else {
        throw .store("no word of \(missing.joined(separator: ", ")) within \(Int(Self.wordSeconds)) s")
      }
      waited += 0.1
      try? await sleep(0.1)
    }
  }

  private func words(of number: Int) async throws(FleetError) -> [String: ConfigurationWord] {
    let prefix = space.word(number, "")
    return try await asking {
      var words: [String: ConfigurationWord] = [:]
      for one in try await client.list(prefix: prefix).all {
        words[String(one.key.dropFirst(prefix.count))] = ConfigurationWord(
          String(decoding: one.value, as: UTF8.self))
      }
      return words
    }
  }
}
