import ModelAPI
import TestSupport
import TestRun
import Testing

@Suite("Scan of requests", .ownThread) struct RequestScanTests {
  @Test(
    "the model is found wherever it stands, and only at the top",
    arguments: [
      (#"{"model":"a"}"#, "a"),
      (#" { "messages" : [{"model":"no"}], "model" : "llama-3.3/70b" , "n":1}  "#, "llama-3.3/70b"),
      (#"{"m":{"model":"no"},"modell":"no","mode":"no","model":"yes"}"#, "yes"),
      (#"{"options":{"model":"no"},"metadata":{"model":"no"},"model":"yes"}"#, "yes"),
      (#"{"mod\u0065l":"\u0061\/b"}"#, "a/b"), (#"{"model":"\ud83d\ude00"}"#, "😀"),
      (#"{"a":"\"model\":\"no\"","b":[[[]]],"c":null,"d":-1.5e3,"model":"x","e":true}"#, "x"),
    ])
  func found(_ text: String, _ name: String) throws {
    let reading = try RequestReading(text)
    #expect(reading.name == name && reading.model == .named && reading.isWhole && reading.fault == nil)
  }

  @Test("the model's place is what stands between the quotes, escapes as they are")
  func place() throws {
    for front in ["", "  ", "\u{FEFF}", "\u{FEFF}\r\n"] {
      let text = front + #"{"x":1,"model":"a\u0062c"}"#
      let reading = try RequestReading(text)
      let place = try #require(reading.place)
      #expect(String(decoding: Array(text.utf8)[place], as: UTF8.self) == #"a\u0062c"#)
      #expect(reading.name == "abc")
    }
  }

  @Test(
    "what names no model, or two, is told",
    arguments: [
      ("{}", .none), (#"{"model":""}"#, .notText), (#"{"model":null}"#, .notText),
      (#"{"model":["a"]}"#, .notText), (#"{"model":{"model":"a"}}"#, .notText), (#"{"model":7}"#, .notText),
      (#"{"model":7,"model":"a"}"#, .doubled), (#"{"model":"a","model":"b"}"#, .doubled),
      (#"{"model":"a","n":1,"mod\u0065l":"a"}"#, .doubled), (#"{"model":"a","Model":"b"}"#, .doubled),
      (#"{"MODEL":"b"}"#, .doubled), (#"{"Model":"a","model":"b"}"#, .doubled),
      (#"{"model":"a","model":null}"#, .doubled),
    ] as [(String, ModelName)])
  func others(_ text: String, _ verdict: ModelName) throws {
    let reading = try RequestReading(text)
    #expect(reading.model == verdict && reading.name.isEmpty && reading.place == nil && reading.isWhole)
  }

  @Test("a model's name of 256 bytes is kept, a longer one is told")
  func long() throws {
    let name = String(repeating: "n", count: RequestScan.maximumModelBytes)
    #expect(try RequestReading(#"{"model":"\#(name)"}"#).name == name)
    let longer = try RequestReading(#"{"model":"\#(name)n"}"#)
    #expect(longer.model == .tooLong && longer.name.isEmpty && longer.place == nil)
  }

  @Test(
    "what is no object, or no JSON, is refused where the fault is",
    arguments: [
      ("", 0, .noObject), (" \n", 2, .noObject), ("[]", 0, .noObject), (" 1", 1, .noObject),
      (#""model""#, 0, .noObject), ("null", 0, .noObject), ("\u{FEFF}", 3, .noObject),
      ("\u{FEFF}x", 3, .noObject), ("\u{FEFF}\u{FEFF}{}", 3, .noObject), ("\u{FEFB}", 2, .noObject),
      ("{", 1, .syntax), (#"{"model":"a""#, 12, .syntax), (#"{"model":"a"}x"#, 13, .syntax),
      (#"{"model":"a",}"#, 13, .syntax), ("{'model':'a'}", 1, .syntax), (#"{"model":"a","b":}"#, 17, .syntax),
      (#"{"model":"a"} {"model":"b"}"#, 14, .syntax), (" \u{FEFF}{}", 1, .noObject),
      ("\u{FEFF} {x", 5, .syntax), (#"{"a":\#(String(repeating: "[", count: 64))"#, 5 + 63, .tooDeep),
    ] as [(String, Int, RequestFault.Reason)])
  func faults(_ text: String, _ offset: Int, _ reason: RequestFault.Reason) throws {
    let reading = try RequestReading(text)
    #expect(reading.fault?.offset == offset && reading.fault?.reason == reason, "\(reading)")
    #expect(!reading.isWhole)
  }

  @Test("what was found before a fault stays")
  func kept() throws {
    let reading = try RequestReading(#"{"model":"a","stream":true,"prompt":"abc","max_tokens":5,]"#)
    #expect(
      reading.name == "a" && reading.stream == true && reading.promptBytes == 5 && reading.tokenLimit == 5)
    #expect(reading.fault?.offset == 57)
  }

  @Test(
    "whether to stream is a boolean at the top",
    arguments: [
      ("{}", nil), (#"{"stream":true}"#, true), (#"{"stream":false}"#, false), (#"{"stream":null}"#, nil),
      (#"{"stream":"true"}"#, nil), (#"{"options":{"stream":true}}"#, nil),
      (#"{"messages":[{"stream":true}]}"#, nil), (#"{"Stream":true}"#, nil),
    ] as [(String, Bool?)])
  func stream(_ text: String, _ streams: Bool?) throws {
    #expect(try RequestReading(text).stream == streams)
  }

  @Test(
    "the limit of tokens is found under each interface's name",
    arguments: [
      (#"{"max_tokens":1}"#, 1), (#"{"max_completion_tokens":2}"#, 2), (#"{"max_output_tokens":3}"#, 3),
      (#"{"n_predict":4}"#, 4), (#"{"options":{"num_predict":5}}"#, 5),
      (#"{"parameters":{"a":[1],"max_new_tokens":6}}"#, 6),
      (#"{"sampling_params":{"max_new_tokens":7,"b":{}}}"#, 7),
      (#"{"max_tokens":10,"max_completion_tokens":20}"#, 20), (#"{"max_tokens":12.0}"#, 12),
      (#"{"n_predict":-1}"#, nil), (#"{"max_tokens":12.5}"#, nil), (#"{"max_tokens":1e3}"#, nil),
      (#"{"max_tokens":"12"}"#, nil), (#"{"max_tokens":null}"#, nil),
      (#"{"metadata":{"max_tokens":5}}"#, nil),
      (#"{"options":{"a":{"num_predict":5}}}"#, nil), (#"{"num_predict":5}"#, nil),
      (#"{"max_tokens":99999999999999999999999}"#, 1 << 53),
    ] as [(String, Int?)])
  func limit(_ text: String, _ tokens: Int?) throws { #expect(try RequestReading(text).tokenLimit == tokens) }

  @Test("the number of answers is the greater of n and best_of")
  func choices() throws {
    #expect(try RequestReading(#"{"n":2}"#).choices == 2)
    #expect(try RequestReading(#"{"best_of":4,"n":2}"#).choices == 4)
    #expect(try RequestReading(#"{"n":null}"#).choices == nil)
  }

  @Test("hints of a session count in their order, and only texts do")
  func session() throws {
    func hash(_ text: String) throws -> UInt64? { try RequestReading(text).session }
    let key = try #require(try hash(#"{"prompt_cache_key":"a"}"#))
    #expect(
      try hash(#"{"user":"b","session_id":"c","prompt_cache_key":"a","metadata":{"user_id":"d"}}"#) == key)
    #expect(try hash(#"{"prompt_cache_key":"a","user":"b"}"#) == key)
    #expect(try hash(#"{"user":"b","session_id":"a"}"#) == key)
    #expect(try hash(#"{"metadata":{"user_id":"c"},"user":"a"}"#) == key)
    #expect(try hash(#"{"metadata":{"x":"b","user_id":"a"}}"#) == key)
    #expect(try hash(#"{"user":"a","session_id":7}"#) == key)
    #expect(try hash(#"{"user":"b"}"#) != key)
    #expect(try hash(#"{"user":""}"#) != nil)
    #expect(try hash(#"{"metadata":{"user":"a"},"messages":[{"user":"a"}]}"#) == nil)
    #expect(try RequestReading(#"{"user":"a"}"#, seed: 1).session != key)
  }

  @Test(
    "the edit makes a stream tell its usage",
    arguments: [
      (
        #"{"stream":true}"#, #"{"stream_options":{"include_usage":true},"stream":true}"#
      ),
      (#"{"stream":true,"stream_options":{}}"#, #"{"stream":true,"stream_options":{"include_usage":true}}"#),
      (
        #"{"stream":true,"stream_options":{ "x":1}}"#,
        #"{"stream":true,"stream_options":{"include_usage":true, "x":1}}"#
      ),
      (
        #"{"stream":true,"stream_options": null }"#,
        #"{"stream":true,"stream_options": {"include_usage":true} }"#
      ),
      (
        #"{"stream":true,"stream_options":{"include_usage": false}}"#,
        #"{"stream":true,"stream_options":{"include_usage": true}}"#
      ),
      (
        #"{"stream":true,"stream_options":{"include_usage":null,"x":1}}"#,
        #"{"stream":true,"stream_options":{"include_usage":true,"x":1}}"#
      ),
      (#"{"stream":true,"stream_options":{"include_usage":true}}"#, nil), (#"{"stream":false}"#, nil),
      ("{}", nil), (#"{"stream":true,"stream_options":7}"#, nil), (#"{"stream":true"#, nil),
      (#"{"stream":true,"stream_options":{"include_usage":1}}"#, nil),
      (#"{"stream":true,"stream_options":{},"stream_options":{}}"#, nil),
    ] as [(String, String?)])
  func usage(_ text: String, _ edited: String?) throws {
    let reading = try RequestReading(text)
    guard let edit = reading.edit else { return #expect(edited == nil) }
    var bytes = Array(text.utf8)
    bytes.replaceSubrange(edit.place, with: edit.text.description.utf8)
    #expect(String(decoding: bytes, as: UTF8.self) == edited)
    #expect(try RequestReading(edited ?? "").includesUsage && !reading.includesUsage)
  }

  @Test("cut anywhere, a request says the same", arguments: requestBodies)
  func pieces(_ text: String) throws {
    let bytes = Array(text.utf8)
    let whole = try RequestReading(bytes, pieces: [bytes.count])
    for pieces in cuts(bytes.count) {
      #expect(try RequestReading(bytes, pieces: pieces) == whole, "\(pieces)")
    }
  }

  @Test("no content brings it down, and however it is changed it says the same in pieces")
  func hostile() throws {
    var random = SeededGenerator(seed: 7)
    for text in requestBodies {
      for _ in 0..<40 {
        let bytes = mutated(Array(text.utf8), &random)
        let whole = try RequestReading(bytes, pieces: [bytes.count])
        #expect(try RequestReading(bytes, pieces: randomPieces(bytes.count, &random)) == whole, "\(bytes)")
      }
    }
  }
}
