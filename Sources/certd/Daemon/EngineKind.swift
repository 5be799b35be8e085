import Configuration
import HTTPClient
import JSON

/// What a server says that tells which model server it is. Pure.
enum EngineKind {
  /// What is asked, in this order, until an answer tells.
  static let paths = ["/v1/models", "/api/version", "/v2", "/info"]

  /// What an answer to a path tells.
  enum Finding: Equatable {
    case kind(ServiceKind)
    /// It is not ready to tell: ask again later.
    case later
    /// Nothing: ask the next.
    case nothing
  }

  /// Reads an answer.
  static func read(_ path: String, status: Int, body: [UInt8]) -> Finding {
    // Engines that load a model say so.
    if status == 503 || status == 429 { return .later }
    let json = try? JSONValue(parsing: body)
    switch path {
    case "/v1/models":
      if status == 200 { return owner(json) }
      // TensorFlow Serving's words for a path without a model.
      let error = json?["error"]?.string ?? ""
      return error.hasPrefix("Malformed request: GET /v1/models") ? .kind(.tfServing) : .nothing
    case "/api/version" where status == 200:
      return json?["version"]?.string == nil ? .nothing : .kind(.ollama)
    case "/v2" where status == 200: return json?["name"]?.string == "triton" ? .kind(.triton) : .nothing
    case "/info" where status == 200:
      let isTGI = json?["model_id"]?.string != nil && json?["max_concurrent_requests"] != nil
      return isTGI ? .kind(.tgi) : .nothing
    default: return .nothing
    }
  }

  /// Each writes its own name as the owner of its models, but Ollama, whose models are of its library.
  private static func owner(_ list: JSONValue?) -> Finding {
    switch list?["data"]?.elements.first?["owned_by"]?.string {
    case "vllm": .kind(.vllm)
    case "sglang": .kind(.sglang)
    case "tensorrt_llm": .kind(.tensorRTLLM)
    case "llamacpp": .kind(.llamaCpp)
    default: .nothing
    }
  }
}
