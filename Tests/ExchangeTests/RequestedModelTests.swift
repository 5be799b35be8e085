import Exchange
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct RequestedModelTests {
  private func find(_ content: [UInt8], capacity: Int = 256) -> (RequestedModel, String) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { out in
      guard let base = out.baseAddress else { return (.missing, "") }
      let found = content.withUnsafeBytes { RequestedModel.find($0, into: base, capacity: capacity) }
      guard case .named(let count, _) = found else { return (found, "") }
      return (found, String(decoding: out.prefix(count), as: UTF8.self))
    }
  }

  private func find(_ text: String) -> (RequestedModel, String) { find(Array(text.utf8)) }

  @Test(
    "the model is found wherever it stands, and only at the top",
    arguments: [
      (#"{"model":"a"}"#, "a"),
      (#" { "messages" : [{"model":"no"}], "model" : "llama-3.3/70b" , "n":1}  "#, "llama-3.3/70b"),
      (#"{"m":{"model":"no"},"modell":"no","mode":"no","model":"yes"}"#, "yes"),
      (#"{"mod\u0065l":"\u0061\/b"}"#, "a/b"), (#"{"model":"\ud83d\ude00"}"#, "😀"),
      (#"{"a":"\"model\":\"no\"","b":[[[]]],"c":null,"d":-1.5e3,"model":"x","e":true}"#, "x"),
    ])
  func found(_ text: String, _ name: String) { #expect(find(text).1 == name, "\(find(text).0)") }

  @Test("its place is what stands between the quotes")
  func place() {
    let text = #"{"x":1,"model":"a\u0062c"}"#
    guard case .named(let count, let place) = find(text).0 else { return #expect(Bool(false)) }
    #expect(count == 3)
    #expect(String(decoding: Array(text.utf8)[place], as: UTF8.self) == #"a\u0062c"#)
  }

  @Test(
    "what names no model, or two, is told apart from what is no JSON",
    arguments: [
      ("{}", .missing), ("[]", .missing), ("1", .missing), (#""model""#, .missing),
      (#"{"model":""}"#, .missing),
      (#"{"model":null}"#, .missing), (#"{"model":["a"]}"#, .missing),
      (#"{"model":7,"model":"a"}"#, .missing),
      (#"{"model":"a","model":"b"}"#, .doubled), (#"{"model":"a","n":1,"mod\u0065l":"a"}"#, .doubled),
      (#"{"model":"a","Model":"b"}"#, .doubled), (#"{"MODEL":"b"}"#, .doubled),
      ("", .malformed(0)), ("{", .malformed(1)), (#"{"model":"a""#, .malformed(12)),
      (#"{"model":"a"}x"#, .malformed(13)), (#"{"model":"a",}"#, .malformed(13)),
      ("{'model':'a'}", .malformed(1)),
      (#"{"model":"a","b":}"#, .malformed(17)), (#"{"model":"a"} {"model":"b"}"#, .malformed(14)),
    ] as [(String, RequestedModel)])
  func others(_ text: String, _ verdict: RequestedModel) { #expect(find(text).0 == verdict) }

  @Test("a name that is longer than any is told")
  func long() {
    #expect(find(Array(#"{"model":"abcd"}"#.utf8), capacity: 3).0 == .tooLong)
    #expect(find(Array(#"{"model":"abc"}"#.utf8), capacity: 3).1 == "abc")
  }

  @Test("no content brings it down: cut anywhere, and with any byte changed")
  func hostile() {
    let text = Array(
      #"{"messages":[{"role":"user","content":"h\u00e9\n"}],"model":"llama","stream":true,"n":[1,{"a":2}]}"#
        .utf8)
    for count in 0..<text.count {
      if case .malformed = find(Array(text.prefix(count))).0 {} else { #expect(Bool(false), "\(count)") }
    }
    for place in text.indices {
      for byte in [0, 0x22, 0x5C, 0x7B, 0x7D, 0x80, 0xFF] as [UInt8] {
        var changed = text
        changed[place] = byte
        _ = find(changed)
      }
    }
  }
}
