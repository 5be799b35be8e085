import JSON
import TestRun
import Testing

@Suite("JSON values", .ownThread)
struct ValueTests {
  @Test(
    "What is written is what was read, members sorted",
    arguments: [
      (#"{"b":1,"a":[true,false,null,"x"]}"#, #"{"a":[true,false,null,"x"],"b":1}"#),
      (#"  [ 1.5e+3 , -0 , 12345678901234567890 ] "#, "[1.5e+3,-0,12345678901234567890]"),
      (#""\u00e4\ud83d\ude00\n\/""#, #""ä😀\n/""#),
      ("{}", "{}"), ("[]", "[]"), (#"{"a":1,"a":2}"#, #"{"a":2}"#),
    ])
  func roundTrip(text: String, written: String) throws {
    #expect(try JSONValue(parsing: text.utf8).text == written)
  }

  @Test(
    "A text that is not one value is refused",
    arguments: [
      "", " ", "{", "[1", "[1,]", "{\"a\"}", "{\"a\":1,}", "01", "1.", "-", "1e", "+1", "tru", "nul",
      "\"\\x\"",
      "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\u{1}\"", "1 2", "{\"a\":1}x", "\"abc", "{a:1}", "'a'",
      "\"\\u12",
    ])
  func malformed(text: String) {
    #expect(throws: JSONValue.Malformed.self) { try JSONValue(parsing: text.utf8) }
  }

  @Test("Every prefix of a document is refused, and none traps")
  func prefixes() throws {
    let text = Array(#"{"a":[1,2.5e3,"\ud83d\ude00",{"b":null}],"c":true}"#.utf8)
    for count in 0..<text.count {
      #expect(throws: JSONValue.Malformed.self) { try JSONValue(parsing: text[..<count]) }
    }
    #expect(try JSONValue(parsing: text)["a"]?[3]?.members["b"] == .null)
  }

  @Test("Nesting ends at its limit")
  func depth() throws {
    func nested(_ levels: Int) -> String {
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    #expect(try JSONValue(parsing: nested(JSONValue.maximumDepth).utf8).elements.count == 1)
    #expect(throws: JSONValue.Malformed.self) {
      try JSONValue(parsing: nested(JSONValue.maximumDepth + 1).utf8)
    }
  }

  @Test("A string that is not UTF-8 is refused")
  func invalidUTF8() {
    #expect(throws: JSONValue.Malformed.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
  }

  @Test("64-bit numbers are read from numbers and from strings")
  func numbers() throws {
    let value = try JSONValue(parsing: #"{"a":9007199254740993,"b":"-5","c":1.5,"d":"x"}"#.utf8)
    #expect(value["a"]?.int == 9_007_199_254_740_993)
    #expect(value["b"]?.int == -5)
    #expect(value["c"]?.int == nil && value["d"]?.int == nil && value["e"] == nil)
  }

  @Test("Members can be set and removed")
  func mutation() {
    var value: JSONValue = ["a": 1]
    value["b"] = ["x"]
    value["a"] = nil
    #expect(value.text == #"{"b":["x"]}"#)
    #expect(value.indentedText == "{\n  \"b\": [\n    \"x\"\n  ]\n}")
  }
}
