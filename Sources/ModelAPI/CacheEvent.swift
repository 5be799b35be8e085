/// What vLLM and SGLang tell of their prefix caches by ZeroMQ, in MessagePack.
public enum CacheEvent: Equatable, Sendable {
  /// Blocks have come in behind another one: a chain of them, `tokens` together.
  case stored(blocks: [UInt64], parent: UInt64?, tokens: Int)
  /// Blocks have gone.
  case removed([UInt64])
  /// All have.
  case cleared

  /// The most events that one message may have.
  public static let maximumEvents = 16_384
  /// The most blocks that one event may name.
  public static let maximumBlocks = 65_536

  /// The events of one message; nil when it is not as it should be. What is not known, and what is told of other places than the
  /// engine's own memory, is passed over.
  public static func read(_ body: ArraySlice<UInt8>) -> [CacheEvent]? {
    var reader = MessagePackReader(body)
    guard let parts = reader.list(), parts >= 2, reader.skip(), let count = reader.list(),
      count <= maximumEvents
    else { return nil }
    var events: [CacheEvent] = []
    for _ in 0..<count {
      var fields = CacheEventFields()
      guard fields.read(&reader) else { return nil }
      if let event = fields.event { events.append(event) }
    }
    return events
  }
}

/// The fields of one event, as a list in their order or as a map.
private struct CacheEventFields {
  private enum Name {
    case type
    case hashes
    case parent
    case tokens
    case blockSize
    case medium
    case other
  }

  private static let names: [String: Name] = [
    "type": .type, "block_hashes": .hashes, "parent_block_hash": .parent, "token_ids": .tokens,
    "block_size": .blockSize, "medium": .medium,
  ]
  private static let orders: [String: [Name]] = [
    "BlockStored": [.hashes, .parent, .tokens, .blockSize, .other, .medium],
    "BlockRemoved": [.hashes, .medium],
  ]

  private var type = ""
  private var hashes: [UInt64] = []
  private var parent: UInt64?
  private var tokens = 0
  private var blockSize = 0
  private var isElsewhere = false

  var event: CacheEvent? {
    if isElsewhere { return nil }
    switch type {
    case "BlockStored":
      // Tokens need not be told.
      let count = tokens > 0 ? tokens : hashes.count * min(blockSize, 1 << 20)
      return hashes.isEmpty || count == 0 ? nil : .stored(blocks: hashes, parent: parent, tokens: count)
    case "BlockRemoved": return .removed(hashes)
    case "AllBlocksCleared": return .cleared
    default: return nil
    }
  }

  mutating func read(_ reader: inout MessagePackReader) -> Bool {
    if let count = reader.list() {
      guard count > 0, let name = reader.text() else { return false }
      type = Self.word(name)
      let order = Self.orders[type] ?? []
      for place in 0..<count - 1 {
        guard take(place < order.count ? order[place] : .other, &reader) else { return false }
      }
      return true
    }
    guard let pairs = reader.map() else { return false }
    for _ in 0..<pairs {
      guard let name = reader.text(), take(Self.names[Self.word(name)] ?? .other, &reader) else {
        return false
      }
    }
    return true
  }

  private mutating func take(_ name: Name, _ reader: inout MessagePackReader) -> Bool {
    switch name {
    case .type:
      guard let text = reader.text() else { return false }
      type = Self.word(text)
    case .hashes:
      guard let count = reader.list(), hashes.count + count <= CacheEvent.maximumBlocks else { return false }
      for _ in 0..<count {
        guard let hash = Self.hash(&reader) else { return false }
        hashes.append(hash)
      }
    case .parent:
      if reader.null() { return true }
      parent = Self.hash(&reader)
      return parent != nil
    case .tokens:
      var ahead = reader
      tokens = ahead.list() ?? 0
      return reader.skip()
    case .blockSize:
      guard let size = reader.integer() else { return reader.skip() }
      blockSize = Int(clamping: size)
    case .medium:
      if reader.null() { return true }
      guard let text = reader.text() else { return false }
      isElsewhere = Self.word(text).uppercased() != "GPU"
    case .other: return reader.skip()
    }
    return true
  }

  private static func word(_ text: ArraySlice<UInt8>) -> String {
    String(decoding: text.prefix(32), as: UTF8.self)
  }

  /// Blocks go by a number, or by the bytes of a hash.
  private static func hash(_ reader: inout MessagePackReader) -> UInt64? {
    reader.integer()
      ?? reader.text().map { $0.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 } }
  }
}
