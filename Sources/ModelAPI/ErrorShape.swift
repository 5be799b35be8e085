/// How an interface tells its clients that something went wrong.
public enum ErrorShape: UInt8, BitwiseCopyable, Sendable, CaseIterable {
  /// `{"error":{"message":…,"type":…,"param":null,"code":…}}` (OpenAI, "Error codes"; vLLM, SGLang and llama.cpp too).
  case openAI
  /// `{"type":"error","error":{"type":…,"message":…}}` (Anthropic, "Errors").
  case anthropic
  /// `{"error":"…"}` (Ollama; KServe's Open Inference Protocol and TensorFlow Serving too).
  case ollama
  /// `{"error":"…","error_type":"…"}` (TGI).
  case tgi
}

extension EngineAPI {
  /// How this interface tells an error.
  public var errorShape: ErrorShape {
    switch self {
    case .chatCompletions, .completions, .responses, .embeddings, .transcriptions, .translations, .speech,
      .llamaCompletion:
      .openAI
    case .messages: .anthropic
    case .ollamaChat, .ollamaGenerate, .ollamaEmbed, .ollamaEmbeddings, .kserveInfer, .kserveGenerate,
      .kserveGenerateStream, .kserveCall, .kserveStreamCall, .tensorFlowPredict, .tensorFlowGenerate:
      .ollama
    case .generate, .generateStream: .tgi
    }
  }

  /// How this interface lays out a stream: lines for Ollama's, events for all others.
  public var streamFormat: ResponseScan.Format {
    switch self {
    case .ollamaChat, .ollamaGenerate: .lines
    default: .events
    }
  }

  /// Whether a response comes in pieces where the request does not say: Ollama's chat and generate do, and what has stream
  /// in its name.
  public var streamsByDefault: Bool {
    switch self {
    case .ollamaChat, .ollamaGenerate, .generateStream, .kserveGenerateStream, .kserveStreamCall: true
    default: false
    }
  }
}

/// What went wrong with a request, in the words of every interface.
public enum ModelError: UInt8, BitwiseCopyable, Sendable, CaseIterable {
  /// The request cannot be understood, or not be met: 400, 413.
  case invalidRequest
  /// No or a wrong key: 401.
  case authentication
  /// A key that is not for this: 403.
  case permission
  /// No such model: 404.
  case modelNotFound
  /// More requests or tokens than allowed: 429.
  case rateLimit
  /// Nobody has room: 503, Anthropic's 529.
  case overloaded
  /// A server failed: 500, 502, and a stream that broke.
  case server
  /// A server took too long: 504.
  case timeout

  /// OpenAI's `type`.
  var openAIType: StaticString {
    switch self {
    case .invalidRequest, .modelNotFound: "invalid_request_error"
    case .authentication: "authentication_error"
    case .permission: "permission_error"
    case .rateLimit: "rate_limit_error"
    case .overloaded, .server, .timeout: "server_error"
    }
  }

  /// OpenAI's `code`; null where there is none.
  var openAICode: StaticString? {
    switch self {
    case .invalidRequest, .permission, .server: nil
    case .authentication: "invalid_api_key"
    case .modelNotFound: "model_not_found"
    case .rateLimit: "rate_limit_exceeded"
    case .overloaded: "overloaded"
    case .timeout: "timeout"
    }
  }

  /// Anthropic's `error.type`.
  var anthropicType: StaticString {
    switch self {
    case .invalidRequest: "invalid_request_error"
    case .authentication: "authentication_error"
    case .permission: "permission_error"
    case .modelNotFound: "not_found_error"
    case .rateLimit: "rate_limit_error"
    case .overloaded: "overloaded_error"
    case .server: "api_error"
    case .timeout: "timeout_error"
    }
  }

  /// TGI's `error_type`.
  var tgiType: StaticString {
    switch self {
    case .invalidRequest, .authentication, .permission, .modelNotFound: "validation"
    case .rateLimit, .overloaded: "overloaded"
    case .server, .timeout: "generation"
    }
  }
}
