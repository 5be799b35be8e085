import Glibc
import OS
import TestRun
import Testing

@testable import Telemetry

@Suite("Shapes and files of the access log", .ownThread)
struct AccessFormatTests {
  /// Gives a log an entry in which everything is known, or only what must be.
  static func append(
    to log: AccessLog, status: UInt16 = 200, target: String = "/v1/chat?key=secret", full: Bool = true,
    _ agent: String = "curl/8 \"x\"\n"
  ) {
    let texts = ["192.0.2.7", "POST", "llm.example.com", target, "chat", "chat 10.0.0.1:8000", "id-1", agent]
      .map { Array($0.utf8) }
    let memory = texts.map { bytes -> UnsafeRawBufferPointer in
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
      copy.copyBytes(from: bytes)
      return UnsafeRawBufferPointer(rebasing: copy[..<bytes.count])
    }
    defer { for one in memory { one.baseAddress.map { UnsafeMutableRawPointer(mutating: $0).deallocate() } } }
    var entry = AccessEntry(
      wallNanoseconds: LogTests.moment, client: memory[0], method: memory[1], host: memory[2],
      target: memory[3], service: memory[4], backend: memory[5])
    entry.status = status
    entry.bytesOut = 42
    if full {
      entry.version = 20
      entry.tls = .tls13
      entry.firstByteMicroseconds = 1500
      entry.attempts = 2
      entry.requestID = memory[6]
      entry.userAgent = memory[7]
      var model = AccessEntry.Model()
      model.name = memory[4]
      model.promptTokens = 40
      model.completionTokens = 7
      entry.model = model
    }
    log.append(entry)
  }

  private func lines(_ settings: (inout AccessSettings) -> Void, _ fill: (AccessLog) -> Void) throws -> String
  {
    let pipe = try Pipe()
    var all = AccessSettings(to: .descriptor(pipe.writing))
    settings(&all)
    let log = try AccessLog(all, seed: 1)
    fill(log)
    log.flush()
    pipe.closeWriting()
    return pipe.readAll()
  }

  @Test(
    "the combined format is as Apache has it, without a query, and one line whatever a client calls itself")
  func combined() throws {
    let text = try lines({ $0.format = .combined }) {
      Self.append(to: $0)
      Self.append(to: $0, full: false)
    }
    #expect(
      text
        == #"192.0.2.7 - - [22/Nov/2026:15:04:05 +0000] "POST /v1/chat HTTP/2.0" 200 42 "-" "curl/8 \"x\"\u000a""#
        + "\n" + #"192.0.2.7 - - [22/Nov/2026:15:04:05 +0000] "POST /v1/chat -" 200 42 "-" "-""# + "\n")
  }

  @Test("a template has its fields where it says, a dash for what is not known")
  func template() throws {
    let template = try AccessTemplate(
      "{{{client_ip}} {status} {first_byte_us} {attempts} {model} {prompt_tokens} {request_id} {tls} {identity}"
    )
    let text = try lines({ $0.format = .template(template) }) {
      Self.append(to: $0)
      Self.append(to: $0, full: false)
    }
    #expect(text == "{192.0.2.7} 200 1500 2 chat 40 id-1 1.3 -\n{192.0.2.7} 200 - - - - - - -\n")
  }

  @Test("JSON has the time to the first byte, attempts and the request's name")
  func json() throws {
    let text = try lines({ _ in }) { Self.append(to: $0) }
    #expect(text.contains(#","first_byte_us":1500,"model":"chat""#))
    #expect(text.hasSuffix(#","attempts":2,"request_id":"id-1"}"# + "\n"), "\(text)")
  }

  @Test("what is no template is told why")
  func problems() {
    func problem(_ text: String) -> AccessTemplate.Problem? {
      do throws(AccessTemplate.Problem) { _ = try AccessTemplate(text) } catch { return error }
      return nil
    }
    #expect(problem("{query}") == .unknown("query") && problem("{host} {host}") == .repeated("host"))
    #expect(problem("{host") == .malformed && problem("{host}\n") == .malformed && problem("") == .malformed)
    #expect(problem("{host}" + String(repeating: "x", count: 257)) == .malformed)
  }

  @Test("every field at its longest makes a line that a pipe takes whole")
  func longest() throws {
    let all = AccessField.allCases.map { "{\($0.rawValue)}" }.joined()
    let template = try AccessTemplate(all + String(repeating: "x", count: 256))
    let long = String(repeating: "\u{1}", count: 5000)
    for format in [AccessFormat.json, .combined, .template(template)] {
      let text = try lines({ $0.format = format }) { Self.append(to: $0, target: long, long) }
      #expect(text.utf8.count <= 4096 && text.split(separator: "\n").count == 1)
    }
  }

  @Test("of requests that went well a share has a line, of those that failed every one")
  func sample() throws {
    let here = try TemporaryDirectory()
    var settings = AccessSettings(to: .file("\(here.path)/access.log"))
    settings.sample = 0.1
    let log = try AccessLog(settings, seed: 1)
    for index in 0..<2000 { Self.append(to: log, status: [200, 404, 500, 0][index % 4]) }
    log.flush()
    let text = try here.read("access.log")
    let all = text.split(separator: "\n")
    #expect(all.count { !$0.contains("\"status\":200") } == 1500)
    #expect((20...90).contains(all.count { $0.contains("\"status\":200") }))
  }

  @Test("a file that is large is put aside, as many are kept as may be, and every line stays somewhere")
  func rotation() throws {
    let here = try TemporaryDirectory()
    var settings = AccessSettings(to: .file("\(here.path)/access.log"))
    settings.rotation = .init()
    settings.rotation?.sizeInBytes = 2000
    settings.rotation?.keep = 2
    // Two workers share a file.
    let logs = [try AccessLog(settings), try AccessLog(settings)]
    for round in 0..<40 {
      let log = logs[round % 2]
      Self.append(to: log)
      log.flush()
      log.lookAtFile()
    }
    #expect(try FileSystem().list(here.path).sorted() == ["access.log", "access.log.1", "access.log.2"])
    let first = try FileSystem().read("\(here.path)/access.log.1", limitInBytes: 1 << 20)
    #expect(first.count >= 2000 && first.count < 4000 && first.last == 0x0A)
  }

  @Test("after somebody has renamed the file its name is made again, within a look")
  func renamed() throws {
    let here = try TemporaryDirectory()
    let log = try AccessLog(AccessSettings(to: .file("\(here.path)/access.log")))
    Self.append(to: log)
    log.flush()
    try FileSystem().rename("\(here.path)/access.log", to: "\(here.path)/old")
    log.lookAtFile()
    Self.append(to: log)
    log.flush()
    for name in ["old", "access.log"] {
      let bytes = try FileSystem().read("\(here.path)/\(name)", limitInBytes: 1 << 20)
      #expect(bytes.count { $0 == 0x0A } == 1, "\(name)")
    }
  }

  @Test("the journal gets a datagram with a field for everything that is known")
  func journal() throws {
    let here = try TemporaryDirectory()
    let socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array("\(here.path)/j".utf8)) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0)
    let log = try AccessLog(AccessSettings(to: .journal("\(here.path)/j")))
    Self.append(to: log, target: "/v1/\nCERTD_FAKE=1")
    Self.append(to: log, status: 502, full: false)
    func datagram() -> [Substring] {
      var bytes = [UInt8](repeating: 0, count: 8192)
      let count = recv(socket, &bytes, bytes.count, 0)
      return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n")
    }
    let (first, second) = (datagram(), datagram())
    #expect(first.contains("MESSAGE=POST /v1/\\u000aCERTD_FAKE=1 200") && first.contains("PRIORITY=6"))
    #expect(first.contains("CERTD_FIRST_BYTE_US=1500") && first.contains("CERTD_REQUEST_ID=id-1"))
    #expect(!first.contains("CERTD_FAKE=1") && !first.contains { $0.hasPrefix("CERTD_IDENTITY") })
    #expect(second.contains("PRIORITY=4") && second.contains("CERTD_STATUS=502"))
    #expect(log.droppedLines == 0)
  }
}
