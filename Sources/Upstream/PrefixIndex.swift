internal import Synchronization

/// What one engine has been sent: the blocks of prompts that its prefix cache is likely to hold. All workers share it; who
/// finds it in use goes without, which is but a worse guess.
public final class PrefixIndex: Sendable {
  /// Bytes of a prompt that make one block.
  public static let bytesOfBlock = 256
  /// Tokens that are taken for one block: four bytes each.
  public static let tokensOfBlock = 64
  /// Blocks that are remembered of an engine that does not tell how many its cache holds: 524,288 tokens.
  public static let defaultBlocks = 8192
  /// Blocks that are remembered of one engine at most, whatever it tells: 16,777,216 tokens, 7 MiB.
  public static let maximumBlocks = 262_144

  /// All of it.
  public static let wholeFill = 1 << 20

  /// Tries to have it before one goes without.
  private static let patience = 64

  private let blocks: Mutex<RecentBlocks>
  private let fillValue = Atomic<Int>(0)

  /// One that knows of no block. `key` should be secret: who knew it could make prompts that are slow to find.
  public init(key: UInt64 = .random(in: .min ... .max)) {
    blocks = Mutex(RecentBlocks(capacity: Self.defaultBlocks, key: key))
  }

  /// How much of it is in use, in parts of `wholeFill`.
  public var fill: Int { fillValue.load(ordering: .relaxed) }

  /// How many blocks from the first on it knows without a gap.
  public func match(_ hashes: Span<UInt64>) -> Int {
    guard fill > 0, !hashes.isEmpty else { return 0 }
    return whenFree { blocks in
      var known = 0
      while known < hashes.count, blocks.contains(hashes[known]) { known += 1 }
      return known
    } ?? 0
  }

  /// The engine gets these blocks. The first ones are remembered longest, as engines do.
  public func use(_ hashes: Span<UInt64>) {
    guard !hashes.isEmpty else { return }
    let fill: Int? = whenFree { blocks in
      // What does not fit beside the beginning would push it out.
      var place = min(hashes.count, blocks.capacity)
      while place > 0 {
        place -= 1
        blocks.use(hashes[place])
      }
      return max(1, blocks.count * Self.wholeFill / blocks.capacity)
    }
    if let fill { fillValue.store(fill, ordering: .relaxed) }
  }

  /// The engine has not got these blocks after all.
  public func takeBack(_ hashes: Span<UInt64>) {
    _ = whenFree { blocks in
      for place in hashes.indices { blocks.remove(hashes[place]) }
    }
  }

  /// The engine has begun anew: its cache is empty.
  public func clear() {
    blocks.withLock { $0.removeAll() }
    fillValue.store(0, ordering: .relaxed)
  }

  /// The engine's cache holds so many tokens: what is remembered of it follows.
  public func follow(cacheTokens: Int) {
    let wanted = min(max(cacheTokens / Self.tokensOfBlock, 1), Self.maximumBlocks)
    let fill = blocks.withLock { blocks in
      blocks.resize(wanted)
      return blocks.count * Self.wholeFill / blocks.capacity
    }
    fillValue.store(fill, ordering: .relaxed)
  }

  /// All blocks that are remembered, those used last first, for a process that takes this one's place.
  public var remembered: [UInt64] { blocks.withLock { $0.remembered } }

  /// How many tokens it follows.
  public var cacheTokens: Int { blocks.withLock { $0.capacity * Self.tokensOfBlock } }

  private func whenFree<Found>(_ body: (inout RecentBlocks) -> Found) -> Found? {
    for _ in 0..<Self.patience {
      if let found = blocks.withLockIfAvailable({ body(&$0) }) { return found }
    }
    return nil
  }
}
