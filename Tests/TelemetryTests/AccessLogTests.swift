import Glibc
import OS
import TestRun
import Testing

@testable import Telemetry

@Suite("Access log", .ownThread)
struct AccessLogTests {
  /// One entry with defaults, given to a log.
  private func append(
    to log: AccessLog, host: [UInt8] = Array("llm.example.com".utf8),
    target: [UInt8] = Array("/v1/chat".utf8),
    service: [UInt8] = Array("chat".utf8), status: UInt16 = 200, bytes: UInt64 = 7,
    tls: AccessEntry.TLSVersion = .tls13, model: [UInt8]? = nil
  ) {
    let client = Array("192.0.2.7".utf8)
    let method = Array("POST".utf8)
    let backend = Array("10.0.0.1:8000".utf8)
    client.withUnsafeBytes { client in
      method.withUnsafeBytes { method in
        host.withUnsafeBytes { host in
          target.withUnsafeBytes { target in
            service.withUnsafeBytes { service in
              backend.withUnsafeBytes { backend in
                var entry = AccessEntry(
                  wallNanoseconds: LogTests.moment, client: client, method: method, host: host,
                  target: target,
                  service: service, backend: backend)
                entry.status = status
                entry.bytesIn = bytes
                entry.bytesOut = UInt64.max
                entry.durationMicroseconds = 1_234_567
                entry.tls = tls
                guard let model else { return log.append(entry) }
                model.withUnsafeBytes { name in
                  var about = AccessEntry.Model()
                  about.name = name
                  about.key = service
                  about.promptTokens = 40
                  about.completionTokens = 7
                  about.firstTokenMicroseconds = 1500
                  entry.attempts = 2
                  entry.model = about
                  log.append(entry)
                }
              }
            }
          }
        }
      }
    }
  }

  private func lines(_ fill: (AccessLog) -> Void) throws -> String {
    let pipe = try Pipe()
    let log = try AccessLog(to: .descriptor(pipe.writing))
    fill(log)
    log.flush()
    pipe.closeWriting()
    return pipe.readAll()
  }

  @Test("a line is one JSON object with everything but what the user wrote")
  func line() throws {
    let text = try lines { append(to: $0, target: Array("/v1/chat?prompt=secret#x".utf8)) }
    #expect(
      text
        == #"{"time":"2026-11-22T15:04:05.067Z","client":"192.0.2.7","method":"POST","#
        + #""host":"llm.example.com","#
        + #""path":"/v1/chat","status":200,"bytes_in":7,"bytes_out":18446744073709551615,"#
        + #""duration_us":1234567,"#
        + #""service":"chat","backend":"10.0.0.1:8000","tls":"1.3"}"# + "\n")
  }

  @Test(
    "a request to a model has its name, its tokens, its first token and its attempts; what is not known is left out"
  )
  func model() throws {
    let text = try lines { append(to: $0, model: Array("qwen\"3".utf8)) }
    #expect(
      text.hasSuffix(
        #","tls":"1.3","model":"qwen\"3","key":"chat","prompt_tokens":40,"completion_tokens":7,"first_token_us":1500,"attempts":2}"#
          + "\n"), "\(text)")
    #expect(try lines { append(to: $0, model: []) }.contains(#""tls":"1.3","key":"chat","prompt_tokens":40"#))
  }

  @Test(
    "hostile bytes are escaped one by one",
    arguments: [
      (Array("a\"b\\c".utf8), #"a\"b\\c"#), ([0x0A, 0x00, 0x1B, 0x7F], #"\u000a\u0000\u001b\u007f"#),
      ([0xC3, 0xA9, 0xFF], #"\u00c3\u00a9\u00ff"#), ([], ""),
    ] as [([UInt8], String)])
  func escaping(host: [UInt8], inside: String) throws {
    #expect(try lines { append(to: $0, host: host) }.contains("\"host\":\"\(inside)\",\"path\""))
  }

  @Test(
    "the longest line of hostile bytes stays below what a pipe takes whole",
    arguments: [0x00, 0x22, 0x61] as [UInt8])
  func longest(byte: UInt8) throws {
    let long = [UInt8](repeating: byte, count: 100_000)
    let text = try lines {
      append(
        to: $0, host: long, target: long, service: long, status: 599, bytes: .max, model: long)
    }
    #expect(text.utf8.count <= 4096 && text.hasSuffix("}\n") && text.contains("...\""))
    #expect(text.split(separator: "\n").count == 1)
  }

  @Test("lines gather until they are flushed, and a full buffer flushes by itself")
  func buffering() throws {
    let directory = try TemporaryDirectory()
    let log = try AccessLog(to: .file("\(directory.path)/access.log"))
    append(to: log)
    #expect(try directory.read("access.log") == "")
    for _ in 0..<400 { append(to: log) }
    #expect(try !directory.read("access.log").isEmpty)
    log.flush()
    #expect(try directory.read("access.log").split(separator: "\n").count == 401)
    #expect(log.droppedLines == 0)
  }

  @Test("after a rotation the path is written anew")
  func rotation() throws {
    let directory = try TemporaryDirectory()
    let log = try AccessLog(to: .file("\(directory.path)/access.log"))
    append(to: log, status: 201)
    #expect(rename("\(directory.path)/access.log", "\(directory.path)/access.log.1") == 0)
    try log.reopen()
    append(to: log, status: 202)
    log.flush()
    #expect(try directory.read("access.log.1").contains("\"status\":201"))
    #expect(try directory.read("access.log").contains("\"status\":202"))
  }

  @Test("a file that cannot be opened is an error that names it, and reopening keeps the old one")
  func unopenable() throws {
    #expect(throws: SystemError(call: "open", code: ENOENT, subject: "/nowhere/access.log")) {
      _ = try AccessLog(to: .file("/nowhere/access.log"))
    }
    let directory = try TemporaryDirectory()
    let log = try AccessLog(to: .file("\(directory.path)/access.log"))
    #expect(rename(directory.path, "\(directory.path).moved") == 0)
    #expect(throws: SystemError.self) { try log.reopen() }
    append(to: log)
    log.flush()
    #expect(rename("\(directory.path).moved", directory.path) == 0)
    #expect(try directory.read("access.log").split(separator: "\n").count == 1)
  }

  @Test("a reader that stands still costs lines, never time, and whole lines go on when it reads again")
  func slowReader() throws {
    let pipe = try Pipe()
    let log = try AccessLog(to: .descriptor(pipe.writing))
    for _ in 0..<2000 { append(to: log) }
    #expect(log.droppedLines > 0)
    var text = pipe.readAll(atMost: 4096)
    // The rest of what the pipe and the buffer hold comes once somebody reads.
    for _ in 0..<64 {
      log.flush()
      if Sys.isWritable(pipe.writing) { break }
      text += pipe.readAll(atMost: 4096)
    }
    _ = fcntl(pipe.reading, F_SETFL, O_NONBLOCK)
    for _ in 0..<64 {
      text += pipe.readAll()
      log.flush()
    }
    let lines = text.split(separator: "\n")
    #expect(UInt64(lines.count) + log.droppedLines == 2000)
    #expect(lines.allSatisfy { $0.hasPrefix("{\"time\"") && $0.hasSuffix("}") })
  }

  @Test("a destination that is gone drops lines and counts them")
  func broken() throws {
    let log = try AccessLog(to: .descriptor(1_000_000))
    append(to: log)
    append(to: log)
    log.flush()
    #expect(log.droppedLines == 2)
  }
}
