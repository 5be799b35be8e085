internal import JSON

extension EngineAPI {
  /// The content of a plain request for an answer to a prompt, in the shape of the interface that a target is of: compact, as
  /// clients write it. A target of no interface that is known gets a chat's.
  public static func content(path target: String, model: String, prompt: String) -> [UInt8] {
    let path = Array(target.utf8.prefix { $0 != UInt8(ascii: "?") })
    let api = unsafe path.withUnsafeBufferPointer { text in
      unsafe text.baseAddress.flatMap { unsafe find(path: $0, count: text.count)?.api }
    }
    let text = JSONWriter.text(.line) { out in
      out.object { out in
        out.member("model", model)
        write(api ?? .chatCompletions, prompt, to: &out)
      }
    }
    return Array(text.utf8)
  }

  private static func write(_ api: EngineAPI, _ prompt: String, to out: inout JSONWriter) {
    switch api {
    case .chatCompletions, .messages, .ollamaChat:
      out.array("messages") { messages in
        messages.object { message in
          message.member("role", "user")
          message.member("content", prompt)
        }
      }
    case .completions, .ollamaGenerate, .ollamaEmbeddings, .llamaCompletion: out.member("prompt", prompt)
    case .responses, .embeddings, .ollamaEmbed, .speech: out.member("input", prompt)
    case .generate, .generateStream: out.member("inputs", prompt)
    case .kserveInfer, .kserveGenerate, .kserveGenerateStream, .kserveCall, .kserveStreamCall:
      out.member("text_input", prompt)
    case .tensorFlowPredict, .tensorFlowGenerate: out.array("instances") { $0.string(prompt) }
    case .transcriptions, .translations: break
    }
  }
}
