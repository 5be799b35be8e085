/// How a backend's health is watched.
public struct HealthCheck: Sendable, Equatable {
  /// What is done to see whether it is ready.
  public var probe = HealthProbe.connect
  /// Another port for the probe; nil for the backend's own.
  public var port: UInt16?
  /// From one probe to the next.
  public var interval = Duration.seconds(5)
  /// How long an answer is waited for.
  public var timeout = Duration.seconds(2)
  /// Failures in a row after which it gets no requests.
  public var unhealthyThreshold = 3
  /// Successes in a row after which it gets requests again.
  public var healthyThreshold = 1
  /// Status codes that count as ready, in place of the probe's; empty for those.
  public var statuses: [StatusRange] = []
  /// What an answer's content must hold; nil for anything.
  public var text: String?
}

/// What is done to see whether a backend is ready.
public enum HealthProbe: Sendable, Hashable {
  /// A connection is made and closed.
  case connect
  /// A connection is made, and its TLS handshake; both are closed.
  case handshake
  /// A program is run without a shell; ready when it ends with 0.
  case command([String])
  /// gRPC's health protocol (grpc.health.v1.Health/Check): ready when the service, or the whole server for the
  /// empty name, says SERVING.
  case grpc(service: String)
  /// GET of a path; ready when the status is in the range and the body obeys the rule.
  case get(path: String, expect: StatusRange, body: HealthBodyRule)
}

/// What the body of a health answer must say.
public enum HealthBodyRule: Sendable, Hashable {
  /// Anything.
  case any
  /// TensorFlow Serving's model status: some entry of `model_version_status` has the state `AVAILABLE`.
  case modelAvailable
}

/// What ready means for each kind of model server, and where its makers say so.
public struct HealthDefaults: Sendable, Equatable {
  /// The probe when the file names no path.
  public let probe: HealthProbe
  /// The status codes that count when the file names a path but no range.
  public let expect: StatusRange
  /// The rule for the body when the file names a path.
  public let body: HealthBodyRule
  /// In a sentence, for the reference.
  public let meaning: String
  /// The public document that this follows.
  public let source: String

  /// The defaults of a kind.
  public static func of(_ kind: ServiceKind) -> HealthDefaults {
    switch kind {
    case .http:
      HealthDefaults(
        probe: .connect, expect: StatusRange(200...399), body: .any,
        meaning: "a TCP connection succeeds; with a path, 200 to 399", source: "")
    case .auto:
      HealthDefaults(
        probe: .connect, expect: StatusRange(200...399), body: .any,
        meaning: "as for the kind that it is recognised as; as for `http` until then", source: "")
    case .vllm:
      get(
        "/health", "200; the port opens once the model is loaded, 503 when the engine has died",
        "https://docs.vllm.ai/en/latest/api/vllm/entrypoints/api_server/")
    case .sglang:
      get(
        "/health", "200; 503 while it starts or when it is stuck",
        "https://docs.sglang.io/basic_usage/native_api.html")
    case .tensorRTLLM:
      get(
        "/health", "200 once the model is loaded",
        "https://nvidia.github.io/TensorRT-LLM/commands/trtllm-serve/index.html")
    case .tgi:
      get(
        "/health", "200; 503 when the model does not answer",
        "https://huggingface.co/docs/text-generation-inference")
    case .llamaCpp:
      get(
        "/health", "200; 503 while the model is loading",
        "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md")
    case .triton:
      get(
        "/v2/health/ready", "200 when the server and its models can infer",
        "https://github.com/kserve/open-inference-protocol")
    case .tfServing:
      HealthDefaults(
        probe: .get(path: "/", expect: StatusRange(100...599), body: .any), expect: StatusRange(200...200),
        body: .modelAvailable,
        meaning:
          "any HTTP answer; with the path `/v1/models/NAME`, 200 and some version in state `AVAILABLE`",
        source: "https://www.tensorflow.org/tfx/serving/api_rest")
    case .ollama:
      get(
        "/api/version", "200; models are loaded on demand",
        "https://docs.ollama.com/api-reference/get-version")
    }
  }

  private static func get(_ path: String, _ meaning: String, _ source: String) -> HealthDefaults {
    let ready = StatusRange(200...200)
    return HealthDefaults(
      probe: .get(path: path, expect: ready, body: .any), expect: ready, body: .any,
      meaning: "GET `\(path)` answers \(meaning)", source: source)
  }
}
