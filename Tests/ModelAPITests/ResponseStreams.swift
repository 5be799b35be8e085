import ModelAPI
import Testing

/// A response and what is to be found in it.
struct ResponseCase: Sendable, CustomTestStringConvertible {
  let name: String
  let format: ResponseScan.Format
  let text: String
  var content = 0
  var prompt: Int?
  var completion: Int?
  var cached: Int?
  var ended = false
  var error = false

  var testDescription: String { name }
}

/// OpenAI's chunks, by their deltas.
private func chunk(_ delta: String, _ rest: String = "") -> String {
  #"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1732752000,"model":"m","choices":[{"index":0,"delta":\#(delta),"logprobs":null,"finish_reason":null}]\#(rest)}"#
    + "\n\n"
}

/// Responses of each interface.
let responseCases: [ResponseCase] = eventCases + lineCases + documentCases

private let eventCases: [ResponseCase] = [
  ResponseCase(
    name: "chat", format: .events,
    text: chunk(#"{"role":"assistant","content":""}"#) + chunk(#"{"content":"He"}"#, #","usage":null"#)
      + chunk(#"{"content":"llo"}"#) + chunk(#"{"tool_calls":[{"index":0}]}"#) + chunk("{}")
      + #"data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":34,"total_tokens":46,"prompt_tokens_details":{"audio_tokens":1,"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":5,"cached_tokens":99}}}"#
      + "\n\ndata: [DONE]\n\n",
    content: 4, prompt: 12, completion: 34, cached: 8, ended: true),
  ResponseCase(
    name: "chat with returns, comments and usage in between", format: .events,
    text:
      ": hi\r\n\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}\r\n\r\n: ping\r\n\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"b\"}}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\r\rdata:[DONE]\r\n\r\n",
    content: 2, prompt: 5, completion: 2, ended: true),
  ResponseCase(
    name: "completions", format: .events,
    text:
      "data: {\"choices\":[{\"index\":0,\"text\":\"a\"}]}\n\ndata: {\"choices\":[{\"text\":\"\",\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    content: 1, ended: true),
  ResponseCase(
    name: "responses", format: .events,
    text: """
      event: response.created
      data: {"type":"response.created","response":{"id":"r","error":null,"usage":null,"output":[]}}

      event: response.output_text.delta
      data: {"type":"response.output_text.delta","delta":"Hi"}

      event: response.function_call_arguments.delta
      data: {"type":"response.function_call_arguments.delta","delta":"{}"}

      event: response.output_text.done
      data: {"type":"response.output_text.done","text":"Hi"}

      event: response.completed
      data: {"type":"response.completed","response":{"error":null,"output":[{"usage":1}],"usage":{"input_tokens":37,"input_tokens_details":{"cached_tokens":7},"output_tokens":11,"output_tokens_details":{"reasoning_tokens":3}}}}


      """,
    content: 3, prompt: 37, completion: 11, cached: 7, ended: true),
  ResponseCase(
    name: "failed response", format: .events,
    text:
      "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"x\"}}}\n\n",
    error: true),
  ResponseCase(
    name: "messages", format: .events,
    text: """
      event: message_start
      data: {"type":"message_start","message":{"id":"m","role":"assistant","content":[],"usage":{"input_tokens":25,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,"output_tokens":1}}}

      event: content_block_start
      data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

      event: ping
      data: {"type": "ping"}

      event: content_block_delta
      data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

      event: content_block_delta
      data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}

      event: message_delta
      data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15}}

      event: message_stop
      data: {"type":"message_stop"}


      """,
    content: 2, prompt: 1125, completion: 15, cached: 1000, ended: true),
  ResponseCase(
    name: "messages that break", format: .events,
    text:
      "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n",
    error: true),
  ResponseCase(
    name: "an error among chunks", format: .events,
    text: chunk(#"{"content":"a"}"#) + "data: {\"error\":{\"message\":\"out of memory\"}}\n\n", content: 1,
    error: true),
  ResponseCase(
    name: "an object that is an error", format: .events,
    text: "data: {\"object\":\"error\",\"message\":\"x\"}\n\n", error: true),
  ResponseCase(
    name: "an event named error", format: .events, text: "event: error\ndata: oops\n\n", error: true),
  ResponseCase(name: "a field named error", format: .events, text: "error: {\"code\":500}\n\n", error: true),
  ResponseCase(
    name: "TGI", format: .events,
    text:
      "data:{\"index\":1,\"token\":{\"id\":1,\"text\":\"a\"},\"generated_text\":null,\"details\":null}\n\ndata:{\"token\":{\"id\":2},\"generated_text\":\"ab\",\"details\":{\"finish_reason\":\"length\",\"generated_tokens\":2,\"input_length\":9}}\n\n",
    content: 2, prompt: 9, completion: 2, ended: true),
  ResponseCase(
    name: "llama.cpp", format: .events,
    text:
      "data: {\"content\":\"a\",\"stop\":false}\n\ndata: {\"content\":\"\",\"stop\":true,\"tokens_predicted\":7,\"tokens_evaluated\":20,\"timings\":{\"cache_n\":16,\"prompt_n\":4,\"predicted_n\":7}}\n\n",
    content: 1, prompt: 20, completion: 7, cached: 16, ended: true),
  ResponseCase(
    name: "llama.cpp's timings alone", format: .events,
    text: "data: {\"choices\":[],\"timings\":{\"cache_n\":16,\"prompt_n\":4,\"predicted_n\":7}}\n\n",
    prompt: 20, completion: 7, cached: 16),
  ResponseCase(
    name: "SGLang", format: .events,
    text:
      "data: {\"text\":\"ab\",\"meta_info\":{\"prompt_tokens\":5,\"completion_tokens\":3,\"cached_tokens\":4}}\n\ndata: [DONE]\n\n",
    content: 1, prompt: 5, completion: 3, cached: 4, ended: true),
  ResponseCase(
    name: "data on several lines", format: .events,
    text:
      "data: {\"choices\":\ndata: [{\"delta\":\ndata\ndata:{\"content\":\"a\"}}]}\nid: 1\n\ndata: [DONE]\ndata: x\n\n",
    content: 1),
  ResponseCase(
    name: "no empty line at the end", format: .events, text: chunk(#"{"content":"a"}"#) + "data: [DONE]",
    content: 1, ended: true),
  ResponseCase(
    name: "escapes", format: .events,
    text:
      "data: {\"cho\\u0069ces\":[{\"d\\u0065lta\":{\"content\":\"\\n\"}}]}\n\ndata: {\"\\u0074ype\":\"message\\u005fstop\"}\n\n",
    content: 1, ended: true),
  ResponseCase(
    name: "names at other places", format: .events,
    text:
      "data: {\"x\":{\"error\":1,\"done\":true,\"usage\":{\"prompt_tokens\":1}},\"choices\":[{\"delta\":{\"usage\":{\"prompt_tokens\":1},\"error\":1}}],\"Usage\":{\"prompt_tokens\":3}}\n\n",
    content: 1),
  ResponseCase(
    name: "no JSON", format: .events,
    text: "data: x\ndata: {\"done\":true}\n\ndata: [DON\n\ndata: [DONE]x\n\nx\n\n\u{FF}"),
  ResponseCase(
    name: "beginnings alike", format: .events,
    text:
      "data: {\"choices\":[{\"delta\":{\"a\":1}}],\"done\":false}\n\ndata: {\"choices\":[{\"delta\":{}}],\"done\":false}\n\n"
      + "data: x\ndata: {\"choices\":[{\"delta\":{\"a\":1}}]}\n\ndata: {\"choices\":[{\"delta\":{\"b\":2}}],\"error\":1}\n\n",
    content: 2, error: true),
  ResponseCase(name: "nothing", format: .events, text: ""),
]

private let lineCases: [ResponseCase] = [
  ResponseCase(
    name: "Ollama's chat", format: .lines,
    text: #"{"model":"m","message":{"role":"assistant","content":"a"},"done":false}"# + "\n"
      + #"{"message":{"role":"assistant","content":"","tool_calls":[{"function":{}}]},"done":false}"# + "\r\n"
      + #"{"message":{"role":"assistant","content":"","thinking":"b"},"done":false}"# + "\n\n"
      + #"{"message":{"role":"assistant","content":""},"done":true,"prompt_eval_count":26,"eval_count":298}"#
      + "\n",
    content: 3, prompt: 26, completion: 298, ended: true),
  ResponseCase(
    name: "Ollama's generate", format: .lines,
    text: #"{"response":"a","done":false}"# + "\n"
      + #"{"response":"","done":true,"eval_count":3,"context":[1,2]}"#,
    content: 1, completion: 3, ended: true),
  ResponseCase(
    name: "Ollama's error", format: .lines, text: #"{"error":"model runner has stopped"}"# + "\n", error: true
  ),
  ResponseCase(name: "lines that are no JSON", format: .lines, text: "x\n{\"done\":true\n}\n"),
]

private let documentCases: [ResponseCase] = [
  ResponseCase(
    name: "chat document", format: .document,
    text:
      #" {"object":"chat.completion","choices":[{"message":{"role":"assistant","content":"a"}},{"message":{}}],"usage":{"prompt_tokens":3,"completion_tokens":4}} "#,
    content: 1, prompt: 3, completion: 4, ended: true),
  ResponseCase(
    name: "message document", format: .document,
    text:
      #"{"type":"message","content":[{"type":"text","text":"x"}],"usage":{"input_tokens":10,"output_tokens":2,"cache_read_input_tokens":5}}"#,
    content: 1, prompt: 15, completion: 2, cached: 5, ended: true),
  ResponseCase(
    name: "response document", format: .document,
    text:
      #"{"object":"response","error":null,"output":[{"type":"message"}],"usage":{"input_tokens":10,"output_tokens":2}}"#,
    content: 1, prompt: 10, completion: 2, ended: true),
  ResponseCase(
    name: "embeddings", format: .document,
    text: #"{"object":"list","data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":8,"total_tokens":8}}"#,
    content: 1,
    prompt: 8, ended: true),
  ResponseCase(
    name: "TGI's list", format: .document,
    text: #"[{"generated_text":"a","details":{"generated_tokens":1}}]"#, content: 1,
    completion: 1, ended: true),
  ResponseCase(
    name: "an error's document", format: .document, text: #"{"error":{"message":"x","type":"y"}}"#,
    ended: true, error: true),
  ResponseCase(
    name: "a cut document", format: .document, text: #"{"choices":[{"message":{"content":"a"#, content: 1),
  ResponseCase(name: "a page", format: .document, text: "<html>"),
]
