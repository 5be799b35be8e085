// ModelAPI: what is known of the HTTP interfaces of model servers: their paths, requests, responses and errors.
//
// It does not know sockets, clocks, configuration, balancing or compression, and changes no byte that passes. It promises that
// any bytes are survived; that a scan says the same however the bytes were cut into pieces, allocates nothing, has a fixed
// size and keeps no text but the model's name; that depth and lengths are bounded.

/// The interfaces of model servers that are told apart, by what they are called in their references.
public enum EngineAPI: UInt8, BitwiseCopyable, Sendable, CaseIterable {
  /// OpenAI, `POST /v1/chat/completions`.
  case chatCompletions
  /// OpenAI, `POST /v1/completions`.
  case completions
  /// OpenAI, `POST /v1/responses`.
  case responses
  /// OpenAI, `POST /v1/embeddings`.
  case embeddings
  /// OpenAI, `POST /v1/audio/transcriptions`: multipart/form-data.
  case transcriptions
  /// OpenAI, `POST /v1/audio/translations`: multipart/form-data.
  case translations
  /// OpenAI, `POST /v1/audio/speech`: sound comes back.
  case speech
  /// Anthropic, `POST /v1/messages`.
  case messages
  /// Ollama, `POST /api/chat`.
  case ollamaChat
  /// Ollama, `POST /api/generate`.
  case ollamaGenerate
  /// Ollama, `POST /api/embed`.
  case ollamaEmbed
  /// Ollama, `POST /api/embeddings`, which `/api/embed` has replaced.
  case ollamaEmbeddings
  /// TGI and SGLang, `POST /generate`; TGI's `POST /` too.
  case generate
  /// TGI, `POST /generate_stream`.
  case generateStream
  /// llama.cpp, `POST /completion` and `/completions`.
  case llamaCompletion
  /// KServe's Open Inference Protocol 2, `POST /v2/models/NAME[/versions/VERSION]/infer`.
  case kserveInfer
  /// Its generate extension, the same with `/generate`.
  case kserveGenerate
  /// Its generate extension, the same with `/generate_stream`.
  case kserveGenerateStream
  /// Its gRPC service, `inference.GRPCInferenceService/ModelInfer`.
  case kserveCall
  /// The same, `ModelStreamInfer`.
  case kserveStreamCall
  /// TensorFlow Serving, `POST /v1/models/NAME[/versions/VERSION|/labels/LABEL]:predict`, or `:classify`, `:regress`.
  case tensorFlowPredict
  /// The same with `:generate` or what begins with it, as servers of text under that interface have it.
  case tensorFlowGenerate

  /// Whether requests are multipart/form-data (RFC 7578) rather than JSON.
  public var takesForm: Bool { self == .transcriptions || self == .translations }

  /// Whether requests are calls of gRPC.
  public var isCall: Bool { self == .kserveCall || self == .kserveStreamCall }
}
