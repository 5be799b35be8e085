/// Follows what an engine tells of its prefix cache, and says which blocks of prompts are not in it any more. Pure.
///
/// Without the engine's tokenizer its blocks and ours are joined by order: a chain of blocks that it stores stands for the first
/// prompt sent to it that has none yet and may be of that length, or that goes on from where the chain begins; and a place in
/// the chain for the part of the prompt that is as far from its beginning. What cannot be joined is not of our prompts.
public struct CacheFollower: Sendable {
  /// Blocks of an engine that are kept at most; those beyond are not followed.
  public static let maximumBlocks = 262_144
  /// Prompts that are kept while their blocks have not come, at most.
  public static let maximumPrompts = 1024
  /// Blocks of prompts that are kept for all chains, at most: 8 MiB. Beyond it everything is forgotten, and the estimate holds.
  public static let maximumKept = 1_048_576
  /// The longest chain that is followed, in tokens.
  static let maximumTokens = 1 << 30
  /// How many times longer or shorter than estimated a prompt may turn out.
  static let lengthFactor = 4

  /// A prompt as it was sent.
  public struct Prompt: Sendable {
    let blocks: [UInt64]
    let tokens: Int
    /// Blocks of a prompt, about so many tokens long.
    public init(blocks: [UInt64], tokens: Int) {
      self.blocks = blocks
      self.tokens = max(1, tokens)
    }
  }

  private struct Chain {
    var prompt: Prompt
    var references = 0
    /// Tokens that the engine has stored of it.
    var stored = 0
  }

  /// One block of the engine: whose it is, and how many tokens the chain has at its end.
  private struct Node {
    let chain: Int
    let end: Int
  }

  private var nodes: [UInt64: Node] = [:]
  private var chains: [Int: Chain] = [:]
  private var waiting: [Int] = []
  private var made = 0
  /// Blocks of prompts in all chains.
  private(set) var kept = 0

  /// How many tokens the engine makes of one that is estimated.
  private(set) var ratio = 1.0

  /// Nothing is known.
  public init() {}

  /// Blocks of the engine that are followed.
  public var count: Int { nodes.count }

  /// Prompts whose blocks have not all come.
  public var waitingCount: Int { waiting.count }

  /// A prompt has been sent.
  public mutating func send(_ prompt: Prompt) {
    guard !prompt.blocks.isEmpty else { return }
    if waiting.count >= Self.maximumPrompts { dropFirstWaiting() }
    if kept + prompt.blocks.count > Self.maximumKept { forgetAll() }
    kept += prompt.blocks.count
    made += 1
    chains[made] = Chain(prompt: prompt)
    waiting.append(made)
  }

  /// A prompt that was thought to be `estimated` tokens long is `told` long.
  public mutating func learn(estimated: Int, told: Int) {
    guard estimated > 0, told > 0 else { return }
    let limit = Double(Self.lengthFactor)
    let sample = min(max(Double(told) / Double(estimated), 1 / limit), limit)
    ratio = (ratio * 9 + sample) / 10
  }

  /// The engine has stored blocks.
  public mutating func store(_ blocks: [UInt64], parent: UInt64?, tokens: Int) {
    let tokens = min(max(1, tokens), Self.maximumTokens)
    let begin: Int
    let owner: Int?
    if let parent {
      guard let known = nodes[parent] else { return }
      begin = min(known.end, Self.maximumTokens)
      owner = prompt(goingOnFrom: known, tokens: tokens) ?? known.chain
    } else {
      begin = 0
      owner = firstPrompt(tokens: tokens)
    }
    guard let owner, chains[owner] != nil else { return }
    for (place, block) in blocks.enumerated() {
      guard nodes.count < Self.maximumBlocks || nodes[block] != nil else { break }
      forget(block)
      nodes[block] = Node(chain: owner, end: begin + tokens * (place + 1) / blocks.count)
      chains[owner]?.references += 1
    }
    let stored = max(chains[owner]?.stored ?? 0, begin + tokens)
    chains[owner]?.stored = stored
    if isWhole(owner) { waiting.removeAll { $0 == owner } }
  }

  /// The engine has removed blocks. Those of prompts that are gone with them.
  public mutating func remove(_ blocks: [UInt64]) -> [UInt64] {
    var gone: [UInt64] = []
    for block in blocks {
      guard let node = nodes[block] else { continue }
      if let own = self.block(of: node), gone.last != own { gone.append(own) }
      forget(block)
    }
    return gone
  }

  /// What was known holds no more: something has been missed.
  public mutating func reset() {
    let ratio = ratio
    self = CacheFollower()
    self.ratio = ratio
  }

  // MARK: Joining

  private func length(_ chain: Chain) -> Double { max(1, Double(chain.prompt.tokens) * ratio) }

  /// The prompt's block that the end of an engine's block lies in; nil behind the prompt's end, in the answer.
  private func block(of node: Node) -> UInt64? {
    guard let chain = chains[node.chain] else { return nil }
    let blocks = chain.prompt.blocks
    let tokens = Double(PrefixIndex.tokensOfBlock) * ratio
    let place = Int(Double(max(0, node.end - 1)) / tokens)
    return place < blocks.count ? blocks[place] : nil
  }

  private func isWhole(_ owner: Int) -> Bool {
    guard let chain = chains[owner] else { return true }
    // The last block of an engine is not stored while it is not full.
    return Double(chain.stored) >= length(chain) * 0.9
  }

  private func firstPrompt(tokens: Int) -> Int? {
    waiting.first { owner in
      guard let chain = chains[owner], chain.stored == 0 else { return false }
      return Double(tokens) <= length(chain) * Double(Self.lengthFactor)
    }
  }

  /// Whose prompt begins as the one does that a block belongs to, and goes on behind it.
  private func prompt(goingOnFrom node: Node, tokens: Int) -> Int? {
    guard let before = chains[node.chain]?.prompt.blocks else { return nil }
    let shared = min(before.count, Int(Double(node.end) / (Double(PrefixIndex.tokensOfBlock) * ratio)))
    return waiting.first { owner in
      guard let chain = chains[owner] else { return false }
      if owner == node.chain { return true }
      return chain.stored <= node.end && Double(node.end) < length(chain)
        && chain.prompt.blocks.count >= shared
        // A block's hash is one of all before it, too.
        && (shared == 0 || chain.prompt.blocks[shared - 1] == before[shared - 1])
    }
  }

  private mutating func forget(_ block: UInt64) {
    guard let node = nodes.removeValue(forKey: block), var chain = chains[node.chain] else { return }
    chain.references -= 1
    chains[node.chain] = chain
    if chain.references <= 0, !waiting.contains(node.chain) { drop(node.chain) }
  }

  private mutating func dropFirstWaiting() {
    let first = waiting.removeFirst()
    if chains[first]?.references == 0 { drop(first) }
  }

  private mutating func drop(_ chain: Int) {
    kept -= chains.removeValue(forKey: chain)?.prompt.blocks.count ?? 0
  }

  private mutating func forgetAll() {
    nodes = [:]
    chains = [:]
    waiting = []
    kept = 0
  }
}
