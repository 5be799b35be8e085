import JSON
import TestSupport

/// What a scanner says of a document, written down; text as it is, so that runs of it are joined.
struct Reading: Equatable {
  var text: [UInt8] = []
  var offset = 0
  var failure: JSONScanner.Failure?

  /// What it says, as text.
  var shown: String { String(decoding: text, as: UTF8.self) }
  /// Whether it is one JSON value.
  var isWhole: Bool { failure == nil }

  /// Reads a document in pieces, each at the end of readable memory.
  init(_ bytes: [UInt8], pieces: [Int], maximumDepth: Int = 64, maximumBytes: Int = .max) throws {
    let memory = try GuardedMemory(capacity: bytes.count)
    var scanner = JSONScanner(maximumDepth: maximumDepth, maximumBytes: maximumBytes)
    var start = 0
    var token = JSONScanner.Token.more
    for length in pieces where token != .malformed {
      let piece = UnsafeRawBufferPointer(
        start: memory.atEnd(Array(bytes[start..<start + length])), count: length)
      var at = 0
      repeat {
        token = scanner.next(piece, &at)
        note(token, piece)
      } while token != .more && token != .end && token != .malformed
      start += length
    }
    while token != .malformed {
      token = scanner.finish()
      note(token, UnsafeRawBufferPointer(start: nil, count: 0))
      if token == .end { break }
    }
    offset = scanner.offset
    failure = scanner.failure
  }

  /// Reads a document as a whole.
  init(_ bytes: [UInt8], maximumDepth: Int = 64, maximumBytes: Int = .max) throws {
    try self.init(bytes, pieces: [bytes.count], maximumDepth: maximumDepth, maximumBytes: maximumBytes)
  }

  /// Reads a document byte by byte.
  init(oneByOne bytes: [UInt8], maximumDepth: Int = 64, maximumBytes: Int = .max) throws {
    let pieces = [Int](repeating: 1, count: bytes.count)
    try self.init(bytes, pieces: pieces, maximumDepth: maximumDepth, maximumBytes: maximumBytes)
  }

  private mutating func note(_ token: JSONScanner.Token, _ piece: UnsafeRawBufferPointer) {
    switch token {
    case .objectStart: text += "{".utf8
    case .objectEnd: text += "}".utf8
    case .arrayStart: text += "[".utf8
    case .arrayEnd: text += "]".utf8
    case .nameStart: text += "name(".utf8
    case .stringStart: text += "string(".utf8
    case .numberStart: text += "number(".utf8
    case .nameEnd, .stringEnd, .numberEnd: text += ")".utf8
    case .text(let range): text += piece[range]
    case .scalar(let value): text += "<\(String(value, radix: 16))>".utf8
    case .true: text += " true ".utf8
    case .false: text += " false ".utf8
    case .null: text += " null ".utf8
    case .malformed: text += "!".utf8
    case .more, .end: break
    }
  }
}

/// Documents that are JSON, and what the scanner says of them.
let wholeDocuments: [(document: String, says: String)] = [
  ("{}", "{}"), ("[]", "[]"), (#""""#, "string()"), ("0", "number(0)"), ("-0", "number(-0)"),
  ("true", " true "), ("false", " false "), ("null", " null "),
  (" \t\r\n[ \t\r\n] \t\r\n", "[]"), (" { } ", "{}"), (" 12 ", "number(12)"),
  ("[1,2 , 3]", "[number(1)number(2)number(3)]"), ("[[],{},[[]]]", "[[]{}[[]]]"),
  (#"{"a":1}"#, "{name(a)number(1)}"), (#"{ "a" : [ ] , "" : { } }"#, "{name(a)[]name(){}}"),
  (#"{"a":true,"a":null}"#, "{name(a) true name(a) null }"),
  ("1.5e+3", "number(1.5e+3)"), ("-12.0E-07", "number(-12.0E-07)"), ("10e0", "number(10e0)"),
  ("123456789012345678901234567890", "number(123456789012345678901234567890)"),
  ("[0,0.0,-1e9]", "[number(0)number(0.0)number(-1e9)]"),
  (#""abc def""#, "string(abc def)"), (#""ä€😀\u007f""#, "string(ä€😀<7f>)"),
  (
    "\"\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}\"",
    "string(\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF})"
  ),
  (#""\"\\\/\b\f\n\r\t""#, "string(<22><5c><2f><8><c><a><d><9>)"),
  (#""x\u00e4y\ud83d\ude00z""#, "string(x<e4>y<1f600>z)"),
  (#""\uD800\uDC00\udbff\udfff""#, "string(<10000><10ffff>)"),
  (#"{"\u0061b\n":"{[,:]}"}"#, "{name(<61>b<a>)string({[,:]})}"),
  (
    #"{"model":"llm","stream":true,"max_tokens":16,"messages":[{"role":"user","content":"Hi"}]}"#,
    "{name(model)string(llm)name(stream) true name(max_tokens)number(16)"
      + "name(messages)[{name(role)string(user)name(content)string(Hi)}]}"
  ),
]

/// Documents that are not JSON, each with the offset of the fault; characters up to U+00FF are bytes.
let brokenDocuments: [(document: String, offset: Int)] = [
  ("", 0), (" ", 1), ("{", 1), ("[", 1), ("[1", 2), ("[1,", 3), ("[1,]", 3), ("[,1]", 1), ("[1 2]", 3),
  ("{\"a\"}", 4), ("{\"a\":}", 5), ("{\"a\":1,}", 7), ("{,}", 1), ("{\"a\" 1}", 5), ("{a:1}", 1),
  ("{1:2}", 1),
  ("{\"a\":1 \"b\":2}", 7), ("{\"a\":1]", 6), ("[1}", 2), ("]", 0), ("}", 0), (",", 0), (":", 0),
  ("[]]", 2), ("{}{}", 2), ("1 2", 2), ("nullnull", 4), ("[1]x", 3), ("\"a\"\"b\"", 3),
  ("01", 1), ("-01", 2), ("1.", 2), ("1.e1", 2), (".5", 0), ("-", 1), ("-x", 1), ("--1", 1), ("+1", 0),
  ("1e", 2),
  ("1e+", 3), ("1e+-1", 3), ("1.2.3", 3), ("1e2e3", 3), ("1e2.3", 3), ("0x10", 1), ("1_0", 1), ("[1.]", 3),
  ("[-]", 2),
  ("NaN", 0), ("Infinity", 0), ("-Infinity", 1), ("tru", 3), ("trux", 3), ("truE", 3), ("True", 0),
  ("nul", 3),
  ("[nul]", 4), ("falsey", 5), ("fals", 4), ("undefined", 0), ("'a'", 0), ("// a\n1", 0), ("/* */1", 0),
  ("[1]#", 3),
  ("\"", 1), ("\"abc", 4), ("\"a\u{0}b\"", 2), ("\"\n\"", 1), ("\"\t\"", 1), ("\"\u{1F}\"", 1),
  ("\"\\", 2), ("\"\\x\"", 2), ("\"\\U0041\"", 2), ("\"\\0\"", 2), ("\"\\'\"", 2), ("\"\\\n\"", 2),
  ("\"\\u\"", 3),
  ("\"\\u12", 5), ("\"\\u12g4\"", 5), ("\"\\u 123\"", 3), ("\"\\u+123\"", 3),
  ("\"\\ud800\"", 7), ("\"\\udc00\"", 6), ("\"\\ud800x\"", 7), ("\"\\ud800\\n\"", 8),
  ("\"\\ud800\\u0041\"", 12),
  ("\"\\ud800\\ud800\"", 12), ("\"\\udfff\\ud800\"", 6),
  ("\u{EF}\u{BB}\u{BF}1", 0), ("\u{A0}1", 0), ("\u{C}1", 0), ("\u{FE}\u{FF}", 0), ("\u{0}", 0), ("1\u{0}", 1),
  ("\"\u{80}\"", 1), ("\"\u{BF}\"", 1), ("\"\u{C0}\u{80}\"", 1), ("\"\u{C1}\u{BF}\"", 1), ("\"\u{FF}\"", 1),
  ("\"\u{C2}\"", 2), ("\"\u{C2}\u{C2}\"", 2), ("\"\u{E0}\u{9F}\u{BF}\"", 2), ("\"\u{E2}\u{82}\"", 3),
  ("\"\u{ED}\u{A0}\u{80}\"", 2), ("\"\u{ED}\u{BF}\u{BF}\"", 2), ("\"\u{F0}\u{8F}\u{BF}\u{BF}\"", 2),
  ("\"\u{F0}\u{9F}\u{98}\"", 4), ("\"\u{F4}\u{90}\u{80}\u{80}\"", 2), ("\"\u{F5}\u{80}\u{80}\u{80}\"", 1),
  ("{\"\u{E2}\u{82}", 4), ("\"\u{E2}\\u0041\"", 2), ("\"\u{E2}\\n\u{82}\u{AC}\"", 2),
]
