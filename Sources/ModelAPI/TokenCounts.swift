/// What a response says of tokens, by what its interface counts. What comes later replaces what came before: counts of a
/// stream are those up to then.
struct TokenCounts: BitwiseCopyable {
  private var prompt = -1
  private var completionCount = -1
  private var cachedCount = -1
  /// Anthropic's and OpenAI's Responses' `input_tokens`; the first one leaves out tokens that were read from the cache or
  /// written to it, and tells those by names that the second one does not have.
  private var input = -1
  private var cacheRead = -1
  private var cacheWritten = -1
  /// llama.cpp's `prompt_n`, which leaves out those of the cache.
  private var evaluated = -1

  /// Takes in a count.
  mutating func take(_ member: ResponseMember, _ count: Int) {
    switch member {
    case .prompt: prompt = count
    case .completion: completionCount = count
    case .cached: cachedCount = count
    case .input: input = count
    case .cacheRead: cacheRead = count
    case .cacheWritten: cacheWritten = count
    case .evaluated: evaluated = count
    default: break
    }
  }

  /// Tokens of the prompt, those of the cache included.
  var promptTokens: Int? {
    if prompt >= 0 { return prompt }
    if input >= 0 { return input + max(cacheRead, 0) + max(cacheWritten, 0) }
    return evaluated < 0 ? nil : evaluated + max(cachedCount, 0)
  }

  /// Tokens that were generated.
  var completionTokens: Int? { completionCount < 0 ? nil : completionCount }

  /// Tokens of the prompt that came from a cache.
  var cachedTokens: Int? {
    let count = max(cachedCount, cacheRead)
    return count < 0 ? nil : count
  }
}
