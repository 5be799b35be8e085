import TestSupport
import TestRun
import Testing
@testable import Upstream

/// The same in the plainest way: the last use of each block.
private struct PlainBlocks {
  var capacity: Int
  var order: [UInt64] = []

  mutating func use(_ hash: UInt64) {
    order.removeAll { $0 == hash }
    order.append(hash)
    if order.count > capacity { order.removeFirst(order.count - capacity) }
  }

  mutating func resize(_ capacity: Int) {
    self.capacity = capacity
    if order.count > capacity { order.removeFirst(order.count - capacity) }
  }
}

@Suite("What an engine's cache may hold", .ownThread)
struct PrefixIndexTests {
  @Test("the blocks used last are remembered, whatever is used, and however many may be", arguments: 1...20)
  func sameAsPlain(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let capacity = Int.random(in: 1...40, using: &random)
    var blocks = RecentBlocks(capacity: capacity, key: seed &* 0x9E37_79B9_7F4A_7C15)
    var plain = PlainBlocks(capacity: capacity)
    // Few homes, so that many stand behind others in the table.
    let hashes = (0..<90).map { _ in
      UInt64.random(in: 0..<24, using: &random) << 40 | UInt64.random(in: 0..<3, using: &random)
    }
    for step in 0..<3000 {
      let hash = hashes.randomElement(using: &random) ?? 0
      blocks.use(hash)
      plain.use(hash)
      if step % 7 == 6, let gone = hashes.randomElement(using: &random) {
        blocks.remove(gone)
        plain.order.removeAll { $0 == gone }
      }
      if step % 500 == 499 {
        let capacity = Int.random(in: 1...40, using: &random)
        blocks.resize(capacity)
        plain.resize(capacity)
      }
      #expect(blocks.count == plain.order.count)
      if step % 10 == 0 {
        for hash in Set(hashes) where blocks.contains(hash) != plain.order.contains(hash) {
          Issue.record("step \(step): \(hash)")
        }
      }
    }
  }

  private func index(_ hashes: [UInt64], tokens: Int = 64 * 64) -> PrefixIndex {
    let index = PrefixIndex()
    index.follow(cacheTokens: tokens)
    index.use(hashes.span)
    return index
  }

  @Test("a prompt matches as far as it begins like one that was sent")
  func match() {
    let index = index([1, 2, 3, 4])
    #expect(index.match([1, 2, 3, 4, 5].span) == 4)
    #expect(index.match([1, 2, 9, 4].span) == 2)
    #expect(index.match([9, 2, 3].span) == 0)
    let none: [UInt64] = []
    #expect(index.match(none.span) == 0)
  }

  @Test("the beginning of a prompt is remembered longer than its end, as engines do")
  func beginningLast() {
    let index = index([1, 2, 3, 4], tokens: 4 * 64)
    index.use([8, 9].span)
    #expect(index.match([1, 2, 3, 4].span) == 2)
    #expect(index.match([8, 9].span) == 2)
  }

  @Test("a prompt that is longer than the cache leaves its beginning there")
  func tooLong() {
    let index = index([1, 2, 3, 4, 5, 6], tokens: 4 * 64)
    #expect(index.match([1, 2, 3, 4, 5, 6].span) == 4)
    #expect(index.fill == PrefixIndex.wholeFill)
  }

  @Test("a cache that turns out to be smaller is followed at once, and what was used last stays")
  func smaller() {
    let index = index([1, 2])
    index.use([7, 8].span)
    index.follow(cacheTokens: 2 * 64)
    #expect(index.match([7, 8].span) == 2)
    #expect(index.match([1].span) == 0)
    #expect(index.cacheTokens == 128)
  }

  @Test("what an engine has refused it does not know, and one that has begun anew knows nothing")
  func takenBack() {
    let index = index([1, 2])
    index.use([1, 2, 3, 4].span)
    index.takeBack([3, 4].span)
    #expect(index.match([1, 2, 3, 4].span) == 2)
    index.clear()
    #expect(index.match([1].span) == 0 && index.fill == 0)
  }

  @Test("no engine makes it larger than its limit, and none makes it nothing")
  func bounds() {
    let index = PrefixIndex()
    index.follow(cacheTokens: .max)
    #expect(index.cacheTokens == PrefixIndex.maximumBlocks * PrefixIndex.tokensOfBlock)
    index.follow(cacheTokens: -5)
    #expect(index.cacheTokens == PrefixIndex.tokensOfBlock)
  }
}
