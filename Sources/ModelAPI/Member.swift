/// The members of a request that are looked for, by what they mean.
enum Member: UInt8, BitwiseCopyable {
  case other
  case model, stream, limit, choices
  case streamOptions, includeUsage
  case cacheKey, sessionID, user, userID
  /// Objects that have a member of interest: limits, and who asks.
  case options, metadata
  /// Text that the model reads, whatever kind of value; one that may be a list of several; and one that is text only where it
  /// is a string.
  case prompt, prompts, text

  /// Which hint of a session counts more: the lower one.
  var sessionRank: Int {
    switch self {
    case .cacheKey: 0
    case .sessionID: 1
    case .user: 2
    case .userID: 3
    default: .max
    }
  }

  /// The member of a name, at the top (`parent` is `other`) or in a nested object.
  static func find(_ name: ShortText, in parent: Member) -> Member {
    switch parent {
    case .options:
      name.matches("num_predict") || name.matches("max_new_tokens") || name.matches("max_tokens")
        ? .limit : .other
    case .metadata: name.matches("user_id") ? .userID : .other
    case .streamOptions: name.matches("include_usage") ? .includeUsage : .other
    default: top(name)
    }
  }

  private static func top(_ name: ShortText) -> Member {
    switch name.count {
    case 1 where name.matches("n"): .choices
    case 4: name.matches("user") ? .user : name.matches("text") ? .text : .other
    case 5:
      name.matches("model")
        ? .model : name.matches("input") ? .prompts : name.matches("tools") ? .prompt : .other
    case 6:
      name.matches("stream")
        ? .stream
        : name.matches("prompt") || name.matches("inputs")
          ? .prompts : name.matches("system") ? .prompt : .other
    case 7: name.matches("best_of") ? .choices : name.matches("options") ? .options : .other
    case 8: name.matches("messages") ? .prompt : name.matches("metadata") ? .metadata : .other
    case 9: name.matches("n_predict") ? .limit : name.matches("instances") ? .prompts : .other
    case 10:
      name.matches("max_tokens")
        ? .limit
        : name.matches("parameters")
          ? .options
          : name.matches("session_id") ? .sessionID : name.matches("text_input") ? .prompt : .other
    case 12 where name.matches("instructions"): .prompt
    case 14 where name.matches("stream_options"): .streamOptions
    case 15 where name.matches("sampling_params"): .options
    case 16 where name.matches("prompt_cache_key"): .cacheKey
    case 17 where name.matches("max_output_tokens"): .limit
    case 21 where name.matches("max_completion_tokens"): .limit
    default: .other
    }
  }
}
