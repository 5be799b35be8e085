import TestRun
import Testing
import Upstream

/// Bytes of a token, as engines tell them.
@Suite("Bytes per token", .ownThread) struct TokenRatioTests {
  @Test("four are assumed, and what engines tell is followed")
  func follows() {
    var ratios = TokenRatios()
    #expect(ratios.tokens(bytes: 4000, of: 1) == 1000 && ratios.tokens(bytes: 1, of: 1) == 1)
    for _ in 0..<60 { ratios.learn(bytes: 3000, tokens: 1500, of: 1) }
    #expect(ratios.tokens(bytes: 4000, of: 1) == 2000 || ratios.tokens(bytes: 4000, of: 1) == 1999)
    #expect(ratios.tokens(bytes: 4000, of: 2) == 1000)
  }

  @Test("nobody can make a token of less than one byte or more than sixteen")
  func bounds() {
    var ratios = TokenRatios()
    for _ in 0..<200 {
      ratios.learn(bytes: 2000, tokens: .max, of: 1)
      ratios.learn(bytes: .max, tokens: 1, of: 2)
    }
    #expect((1...1.01).contains(ratios.bytesPerToken(of: 1)))
    #expect((15.99...16).contains(ratios.bytesPerToken(of: 2)))
  }

  @Test("short prompts and counts that are none teach nothing")
  func unheard() {
    var ratios = TokenRatios()
    ratios.learn(bytes: TokenRatios.leastBytes - 1, tokens: 1, of: 1)
    ratios.learn(bytes: 5000, tokens: 0, of: 1)
    ratios.learn(bytes: 5000, tokens: -5, of: 1)
    #expect(ratios.bytesPerToken(of: 1) == TokenRatios.assumed)
  }

  @Test("a model whose place another one has taken begins anew")
  func displaced() {
    var ratios = TokenRatios()
    ratios.learn(bytes: 5000, tokens: 5000, of: 7)
    ratios.learn(bytes: 5000, tokens: 5000, of: 7 + UInt64(TokenRatios.capacity))
    #expect(ratios.bytesPerToken(of: 7) == TokenRatios.assumed)
  }
}
