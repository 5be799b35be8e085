import JSON
import Synchronization
import TestRun
import Testing

@testable import Telemetry

/// Keeps lines in memory.
final class MemorySink: LogSink {
  private let kept = Mutex<[[UInt8]]>([])
  func write(_ line: [UInt8]) { kept.withLock { $0.append(line) } }
  var lines: [String] { kept.withLock { $0.map { String(decoding: $0, as: UTF8.self) } } }
}

@Suite("Log", .ownThread)
struct LogTests {
  /// 2026-11-22T15:04:05.067Z
  static let moment: Int64 = 1_795_359_845_067_999_999

  private func line(
    _ format: Log.Format, _ message: String = "renewed", _ values: KeyValuePairs<String, LogValue> = [:],
    at time: Int64 = moment
  ) -> String {
    let sink = MemorySink()
    let log = Log(to: sink, format: format, wallNanoseconds: { time })
    log.info(message, values)
    return sink.lines.joined()
  }

  @Test("a line for programs is one JSON object with the time, the level and the message first")
  func json() {
    #expect(
      line(.json, "renewed", ["name": "llm.example.com", "days": 89, "forced": true])
        == #"{"time":"2026-11-22T15:04:05.067Z","level":"info","message":"renewed","name":"llm.example.com","#
        + #""days":89,"forced":true}"# + "\n")
  }

  @Test("a line for people is time, level, message and values")
  func text() {
    #expect(
      line(.text(colour: false), "certificate renewed", ["name": "llm.example.com", "days": 89])
        == "15:04:05.067 INFO  certificate renewed  name=llm.example.com days=89\n")
  }

  @Test("colours only where they are wanted")
  func colour() {
    #expect(
      line(.text(colour: true), "m", ["a": 1])
        == "15:04:05.067 \u{1B}[32mINFO \u{1B}[0m m  \u{1B}[2ma=\u{1B}[0m1\n")
    #expect(Log.automaticFormat(descriptor: -1, noColour: false) == .json)
  }

  static let hostile = [
    "a\nlevel=error", "\u{1B}[2J", "\r", "\u{85}", "\u{2028}", "\u{202E}evil", "\u{0}", "\u{7F}",
  ]

  @Test("nothing in a text can end the line or move the cursor", arguments: hostile)
  func injection(text: String) {
    for format in [Log.Format.text(colour: false), .json] {
      let bytes = line(format, text, ["k\(text)": .text(text)])
      #expect(bytes.hasSuffix("\n"))
      #expect(!bytes.dropLast().unicodeScalars.contains { JSONString.isUnsafeToShow($0) })
    }
  }

  @Test(
    "JSON strings are escaped as RFC 8259 says",
    arguments: [
      ("a\"b\\c", #"a\"b\\c"#), ("a\nb", #"a\nb"#), ("\u{1}", #"\u0001"#), ("é→😀", "é→😀"),
      ("\u{7F}", #"\u007f"#),
      ("\u{202E}", #"\u202e"#),
    ])
  func escaping(text: String, inside: String) {
    #expect(line(.json, text).contains("\"message\":\"\(inside)\"}"))
  }

  @Test(
    "values are quoted where a reader could be misled",
    arguments: [
      ("plain", "plain"), ("", "\"\""), ("two words", "\"two words\""), ("a=b", "\"a=b\""),
      ("say \"x\"", #""say \"x\"""#),
      ("back\\slash", #""back\\slash""#),
    ])
  func quoting(value: String, shown: String) {
    #expect(line(.text(colour: false), "m", ["k": .text(value)]).hasSuffix("  k=\(shown)\n"))
  }

  @Test("a value cannot take the place of what every line has")
  func reservedNames() {
    #expect(line(.json, "m", ["level": "x", "time": "y"]).contains(#""level_":"x","time_":"y"}"#))
  }

  @Test(
    "long texts are cut and long lines end early, whole", arguments: [Log.Format.json, .text(colour: false)])
  func limits(format: Log.Format) {
    let long = String(repeating: "😀", count: 5000)
    let one = line(format, long)
    #expect(one.utf8.count < LogLine.maximumTextInBytes + 200 && one.contains("…"))
    let many = line(
      format, long,
      [
        "a": .text(long), "b": .text(long), "c": .text(long), "d": .text(long), "e": .text(long),
        "f": .text(long), "g": .text(long), "h": .text(long), "i": .text(long), "j": .text(long),
      ])
    #expect(many.utf8.count <= LogLine.maximumLineInBytes + 2)
    #expect(many.contains("truncated") && many.hasSuffix(format == .json ? "}\n" : "\n"))
  }

  @Test("lines below the level are not written, and the level can be changed while running")
  func levels() {
    let sink = MemorySink()
    let log = Log(to: sink, format: .json, level: .warn, wallNanoseconds: { 0 })
    log.debug("1")
    log.info("2")
    log.warn("3")
    log.error("4")
    log.level = .debug
    log.debug("5")
    #expect(
      sink.lines.map { $0.contains("\"3\"") || $0.contains("\"4\"") || $0.contains("\"5\"") } == [
        true, true, true,
      ])
  }

  @Test(
    "times are RFC 3339 with milliseconds, before the epoch too",
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
      (1_000_000, "1970-01-01T00:00:00.001Z"),
      (moment, "2026-11-22T15:04:05.067Z"),
    ] as [(Int64, String)])
  func timestamps(nanoseconds: Int64, text: String) {
    #expect(LogLine.timestamp(nanoseconds) == text)
  }

  @Test("a secret is never shown, neither by itself nor inside something else")
  func secrets() {
    struct Account { let name = "a", key = Secret("hunter2") }
    var dumped = ""
    dump(Account(), to: &dumped)
    let shown = [
      "\(Secret("hunter2"))", String(reflecting: Account()), "\(Account())", "\([Secret("hunter2")])", dumped,
    ]
    #expect(!shown.contains { $0.contains("hunter2") })
    #expect(line(.json, "m", ["key": .describing(Secret("hunter2"))]).contains("[redacted]"))
    #expect(Secret("hunter2").exposed == "hunter2")
  }

  @Test("lines of many threads never mix")
  func threads() async throws {
    let pipe = try Pipe()
    let log = Log(to: DescriptorSink(descriptor: pipe.writing), format: .json, wallNanoseconds: { 0 })
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        group.addTask {
          for number in 0..<20 { log.info("line", ["task": .number(task), "number": .number(number)]) }
        }
      }
    }
    pipe.closeWriting()
    let lines = pipe.readAll().split(separator: "\n")
    #expect(lines.count == 160 && Set(lines).count == 160)
    #expect(lines.allSatisfy { $0.hasPrefix("{\"time\"") && $0.hasSuffix("}") })
  }
}
