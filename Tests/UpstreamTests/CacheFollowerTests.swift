import TestRun
import TestSupport
import Testing

@testable import Upstream

@Suite("Blocks of engines are joined with prompts", .ownThread) struct CacheFollowerTests {
  /// A prompt of so many blocks of ours from a number on, as long as they are.
  private func prompt(_ blocks: ClosedRange<UInt64>) -> CacheFollower.Prompt {
    CacheFollower.Prompt(blocks: Array(blocks), tokens: blocks.count * PrefixIndex.tokensOfBlock)
  }

  @Test("the blocks that an engine stores for a prompt stand for its parts, and go with them")
  func one() {
    var follower = CacheFollower()
    follower.send(prompt(1...4))
    // 16 tokens each: four for one of ours.
    follower.store(Array(100..<116), parent: nil, tokens: 256)
    #expect(follower.count == 16)
    #expect(follower.remove([115, 114]) == [4])
    #expect(follower.remove([108]) == [3])
    #expect(follower.remove([108, 999]) == [])
    #expect(follower.remove(Array(100..<104)) == [1])
  }

  @Test("chains that come in parts go on where they ended, and those of answers belong to no prompt")
  func parts() {
    var follower = CacheFollower()
    follower.send(prompt(1...4))
    follower.send(prompt(51...54))
    follower.store(Array(100..<108), parent: nil, tokens: 128)
    follower.store(Array(200..<216), parent: nil, tokens: 256)
    follower.store(Array(108..<116), parent: 107, tokens: 128)
    follower.store([300], parent: 115, tokens: 16)
    #expect(follower.remove([300]) == [])
    #expect(follower.remove([115]) == [4])
    #expect(follower.remove([215]) == [54])
    #expect(follower.remove([200]) == [51])
  }

  @Test("a prompt that begins as another one is joined with what goes on behind their common part")
  func shared() {
    var follower = CacheFollower()
    follower.send(prompt(1...4))
    follower.store(Array(100..<116), parent: nil, tokens: 256)
    follower.send(CacheFollower.Prompt(blocks: [1, 2, 33, 34], tokens: 256))
    follower.store(Array(208..<216), parent: 107, tokens: 128)
    #expect(follower.remove([215]) == [34])
    #expect(follower.remove([208]) == [33])
    #expect(follower.remove([115]) == [4])
    #expect(follower.remove([100]) == [1])
  }

  @Test("what nobody here has sent is joined with nothing, and a prompt keeps its place until its own come")
  func foreign() {
    var follower = CacheFollower()
    follower.store([1, 2, 3], parent: nil, tokens: 48)
    follower.store([4], parent: 3, tokens: 16)
    #expect(follower.count == 0)
    follower.send(prompt(1...1))
    // Far too long to be it.
    follower.store(Array(500..<600), parent: nil, tokens: 1600)
    follower.store([10, 11, 12, 13], parent: nil, tokens: 64)
    #expect(follower.remove([13]) == [1])
  }

  @Test("how many tokens an engine makes of a text is learnt, and parts follow")
  func ratio() {
    var follower = CacheFollower()
    for _ in 0..<100 { follower.learn(estimated: 100, told: 200) }
    follower.send(prompt(1...4))
    follower.store(Array(100..<132), parent: nil, tokens: 512)
    #expect(follower.remove([131]) == [4])
    #expect(follower.remove([108]) == [2])
    for told in [Int.max, 1] { follower.learn(estimated: 1, told: told) }
    follower.reset()
    #expect(follower.count == 0)
  }

  @Test(
    "whatever an engine tells, what is kept stays bounded and only blocks of prompts go",
    arguments: 0..<5 as Range<UInt64>)
  func hostile(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var (follower, known) = (CacheFollower(), Set<UInt64>())
    for round in 0..<3000 {
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        let first = UInt64.random(in: 0..<50, using: &random) * 10
        let blocks = first...first + UInt64.random(in: 0..<9, using: &random)
        known.formUnion(blocks)
        follower.send(prompt(blocks))
      case 1, 2:
        let first = UInt64.random(in: 0..<400, using: &random)
        let count = UInt64.random(in: 1..<20, using: &random)
        let parent = Bool.random(using: &random) ? nil : UInt64.random(in: 0..<400, using: &random)
        let tokens = [Int.max / 64, 0, 1, Int(count) * 16].randomElement(using: &random) ?? 0
        follower.store(Array(first..<first + count), parent: parent, tokens: tokens)
      default:
        let gone = follower.remove((0..<8).map { _ in UInt64.random(in: 0..<420, using: &random) })
        #expect(known.isSuperset(of: gone))
      }
      #expect(follower.count <= 420, "round \(round)")
    }
    for number in 0..<3000 as Range<UInt64> { follower.send(prompt(number...number)) }
    #expect(follower.waitingCount <= CacheFollower.maximumPrompts)
  }

  @Test("however many prompts an engine stores a block of, what is kept of them is bounded")
  func bounded() {
    var follower = CacheFollower()
    for number in UInt64(0)..<600 {
      follower.send(prompt(number * 4096 + 1...number * 4096 + 4096))
      follower.store([number + 1], parent: nil, tokens: 4096 * PrefixIndex.tokensOfBlock)
      #expect(follower.kept <= CacheFollower.maximumKept)
    }
    #expect(follower.count < 600)
  }
}
