import JSON
import ModelAPI
import TestRun
import Testing

@Suite("Shapes of errors", .ownThread) struct ErrorShapeTests {
  private func body(
    _ shape: ErrorShape, _ error: ModelError, _ message: String, parameter: StaticString? = nil,
    room: Int = 512
  ) -> String {
    written(room) { unsafe shape.write(error, $0, parameter: parameter, into: $1) }(message)
  }

  private func event(_ shape: ErrorShape, _ error: ModelError, _ message: String, room: Int = 512) -> String {
    written(room) { unsafe shape.writeEvent(error, $0, into: $1) }(message)
  }

  private func written(
    _ room: Int, _ write: @escaping (UnsafeRawBufferPointer, UnsafeMutableBufferPointer<UInt8>) -> Int
  ) -> (String) -> String {
    { message in
      let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
        let limited = UnsafeMutableBufferPointer(rebasing: buffer[..<room])
        count = Array(message.utf8).withUnsafeBytes { write($0, limited) }
      }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  @Test("each interface's clients get the body that they know")
  func bodies() {
    #expect(
      body(.openAI, .modelNotFound, "no \"x\"", parameter: "model")
        == #"{"error":{"message":"no \"x\"","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#
    )
    #expect(
      body(.openAI, .server, "m")
        == #"{"error":{"message":"m","type":"server_error","param":null,"code":null}}"#)
    #expect(
      body(.anthropic, .overloaded, "m")
        == #"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#)
    #expect(body(.ollama, .timeout, "m") == #"{"error":"m"}"#)
    #expect(body(.tgi, .rateLimit, "m") == #"{"error":"m","error_type":"overloaded"}"#)
  }

  @Test("a broken stream ends in an event that its clients know, and its scan finds")
  func events() {
    #expect(
      event(.openAI, .server, "m")
        == "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n")
    #expect(
      event(.anthropic, .server, "m")
        == "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}\n\n"
    )
    #expect(event(.ollama, .server, "m") == "{\"error\":\"m\"}\n")
    #expect(event(.tgi, .server, "m") == "data:{\"error\":\"m\",\"error_type\":\"generation\"}\n\n")
    for shape in ErrorShape.allCases {
      var scan = ResponseScan(shape == .ollama ? .lines : .events)
      Array(event(shape, .timeout, "m").utf8).withUnsafeBytes { scan.feed($0) }
      #expect(scan.hasError && (shape == .ollama || scan.isBetweenEvents))
    }
  }

  @Test("whatever the message and the room, it is JSON and fits", arguments: ErrorShape.allCases)
  func room(_ shape: ErrorShape) throws {
    for error in ModelError.allCases {
      for message in [
        "", "short", "\u{0}\n\"\\é", String(repeating: "x", count: 900), String(repeating: "\"é", count: 400),
      ] {
        for room in [ErrorShape.frameBytes, ErrorShape.frameBytes + 1, 210, 300, 1000, 8000] {
          let text = body(shape, error, message, parameter: "max_completion_tokens", room: room)
          let value = try JSONValue(parsing: text.utf8)
          let shown = value["error"]?["message"]?.string ?? value["error"]?.string
          #expect(shown != nil && !text.isEmpty, "\(text)")
          if room == 8000, message == "short" { #expect(shown == message) }
          #expect(!event(shape, error, message, room: room).isEmpty)
        }
      }
    }
    #expect(body(shape, .server, "m", room: ErrorShape.frameBytes - 1).isEmpty)
  }

  @Test("every interface has a shape, and Ollama's streams are lines")
  func interfaces() {
    #expect(Set(EngineAPI.allCases.map(\.errorShape)) == Set(ErrorShape.allCases))
    #expect(EngineAPI.messages.errorShape == .anthropic && EngineAPI.responses.errorShape == .openAI)
    #expect(EngineAPI.allCases.filter { $0.streamFormat == .lines } == [.ollamaChat, .ollamaGenerate])
    #expect(EngineAPI.ollamaChat.streamsByDefault && !EngineAPI.chatCompletions.streamsByDefault)
  }
}
