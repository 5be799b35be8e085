import Configuration
import OS

/// A file of API keys, one a line.
enum KeyFile {
  /// The largest file, in bytes.
  static let maximumBytes = 1 << 20
  /// The most keys in one file: each request is compared with all of them.
  static let maximumKeys = 1000
  /// The shortest key, in bytes: shorter ones are guessed.
  static let minimumKeyBytes = 16
  /// The longest key, in bytes.
  static let maximumKeyBytes = 512

  /// The keys. Errors tell the line and never what stands on it.
  static func read(_ file: Located<String>, _ configuration: Configuration) throws(SetupError) -> [[UInt8]] {
    func problem(_ message: String) -> SetupError {
      .configuration(configuration.error(at: file.origin, message).description)
    }
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try FileSystem().read(file.value, limitInBytes: maximumBytes, followingLinks: true)
    } catch { throw problem("\(error)") }
    var keys: [[UInt8]] = []
    let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let key = trimmed(line)
      guard let first = key.first, first != UInt8(ascii: "#") else { continue }
      guard key.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        throw problem("\(file.value):\(index + 1): a key has only visible ASCII characters")
      }
      guard (minimumKeyBytes...maximumKeyBytes).contains(key.count) else {
        throw problem(
          "\(file.value):\(index + 1): a key has from \(minimumKeyBytes) to \(maximumKeyBytes) characters, not "
            + "\(key.count)")
      }
      keys.append(Array(key))
    }
    guard !keys.isEmpty else { throw problem("\(file.value): there is no key in it; write one a line") }
    guard keys.count <= maximumKeys else { throw problem("\(file.value): more than \(maximumKeys) keys") }
    return keys
  }

  private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
    let line = line.drop(while: isBlank)
    return line.prefix((line.lastIndex { !isBlank($0) } ?? line.startIndex - 1) - line.startIndex + 1)
  }
}
