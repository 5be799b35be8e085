import Glibc
import OS
import Testing

/// A pipe for tests; the writing end does not block.
final class Pipe: @unchecked Sendable {
  let reading: Int32
  private(set) var writing: Int32

  init() throws {
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    reading = ends[0]
    writing = ends[1]
  }

  deinit {
    closeWriting()
    close(reading)
  }

  func closeWriting() {
    if writing >= 0 { close(writing) }
    writing = -1
  }

  /// All up to and with a text, or until the writing end is closed.
  func read(through text: String) -> [UInt8] {
    var out: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while String(decoding: out.suffix(70_000), as: UTF8.self).contains(text) == false {
      let count = Sys.read(reading, &buffer, buffer.count)
      guard count > 0 else { break }
      out += buffer[..<count]
    }
    return out
  }

  /// The next line, without its line feed.
  func readLine() -> [UInt8] {
    var out: [UInt8] = []
    var byte: UInt8 = 0
    while Sys.read(reading, &byte, 1) == 1, byte != 0x0A { out.append(byte) }
    return out
  }

  /// At most so many bytes, or all until the writing end is closed.
  func readAll(atMost limit: Int = .max) -> String {
    var out: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while out.count < limit {
      let count = Sys.read(reading, &buffer, min(buffer.count, limit - out.count))
      guard count > 0 else { break }
      out += buffer[..<count]
    }
    return String(decoding: out, as: UTF8.self)
  }
}

/// A directory of its own that goes with its test.
final class TemporaryDirectory {
  let path: String

  init() throws {
    var template = Array("/tmp/certd-telemetry-XXXXXX".utf8CString)
    path = try #require(mkdtemp(&template).map { String(cString: $0) })
  }

  deinit {
    for name in ["access.log", "access.log.1", "access.log.2", "old", "j"] { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  func read(_ name: String) throws -> String {
    let file = try #require(fopen("\(path)/\(name)", "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}
