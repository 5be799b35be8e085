/// The objects and arrays of a response that are followed.
enum ResponsePlace: UInt8, BitwiseCopyable {
  /// The document or event itself, and an array around it.
  case top, list
  case choices, choice
  /// Counts of tokens: `usage`, the details in it, SGLang's `meta_info`.
  case usage
  /// `message` of Anthropic and Ollama, `response` of OpenAI's Responses.
  case message, response
  /// llama.cpp's `timings`, TGI's `details`.
  case timings, details
}

/// The members of a response that are looked for, by what they mean.
enum ResponseMember: UInt8, BitwiseCopyable {
  case other
  /// Objects and arrays to follow.
  case choices, choice, element, delta, usage, message, timings, details
  /// An object to follow, or a text.
  case response
  /// Text, or what a model has made: content unless it is empty.
  case content
  /// Content whatever is in it.
  case token
  /// The text of TGI's last event.
  case generatedText
  /// What an event is, and what OpenAI calls an object.
  case type, object
  /// True at the end; anything but null where something is wrong.
  case done, error
  case prompt, completion, cached
  /// Anthropic counts tokens of the cache beside the others.
  case input, cacheRead, cacheWritten
  /// llama.cpp's timings leave tokens of the cache out.
  case evaluated

  /// The member of a name in a place.
  static func find(_ name: ShortText, in place: ResponsePlace) -> ResponseMember {
    switch place {
    case .top: top(name)
    case .choice:
      name.matches("delta")
        ? .delta : name.matches("message") ? .token : name.matches("text") ? .content : .other
    case .usage: usage(name)
    case .message:
      name.matches("usage")
        ? .usage
        : name.matches("content") || name.matches("thinking") || name.matches("tool_calls")
          ? .content : .other
    case .response: name.matches("usage") ? .usage : name.matches("error") ? .error : .other
    case .timings:
      name.matches("prompt_n")
        ? .evaluated
        : name.matches("predicted_n") ? .completion : name.matches("cache_n") ? .cached : .other
    case .details:
      name.matches("generated_tokens") ? .completion : name.matches("input_length") ? .prompt : .other
    case .list, .choices: .other
    }
  }

  /// What an element of an array is.
  static func element(of place: ResponsePlace) -> ResponseMember { place == .choices ? .choice : .element }

  private static func top(_ name: ShortText) -> ResponseMember {
    switch name.count {
    case 4:
      name.matches("type")
        ? .type
        : name.matches("done") || name.matches("stop")
          ? .done : name.matches("text") || name.matches("data") ? .content : .other
    case 5:
      name.matches("usage")
        ? .usage : name.matches("error") ? .error : name.matches("token") ? .token : .other
    case 6: name.matches("object") ? .object : name.matches("output") ? .content : .other
    case 7:
      name.matches("choices")
        ? .choices
        : name.matches("message")
          ? .message
          : name.matches("content") || name.matches("outputs")
            ? .content : name.matches("details") ? .details : name.matches("timings") ? .timings : .other
    case 8: name.matches("response") ? .response : name.matches("thinking") ? .content : .other
    case 9: name.matches("meta_info") ? .usage : name.matches("embedding") ? .content : .other
    case 10: name.matches("eval_count") ? .completion : name.matches("embeddings") ? .content : .other
    case 11: name.matches("text_output") || name.matches("predictions") ? .content : .other
    case 14 where name.matches("generated_text"): .generatedText
    case 16:
      name.matches("tokens_predicted") ? .completion : name.matches("tokens_evaluated") ? .prompt : .other
    case 17 where name.matches("prompt_eval_count"): .prompt
    default: .other
    }
  }

  private static func usage(_ name: ShortText) -> ResponseMember {
    switch name.count {
    case 12: name.matches("input_tokens") ? .input : .other
    case 13:
      name.matches("prompt_tokens")
        ? .prompt
        : name.matches("output_tokens") ? .completion : name.matches("cached_tokens") ? .cached : .other
    case 17 where name.matches("completion_tokens"): .completion
    case 20 where name.matches("input_tokens_details"): .usage
    case 21 where name.matches("prompt_tokens_details"): .usage
    case 23:
      name.matches("cache_read_input_tokens")
        ? .cacheRead
        : name.matches("prompt_cache_hit_tokens") ? .cached : .other
    case 27 where name.matches("cache_creation_input_tokens"): .cacheWritten
    default: .other
    }
  }
}
