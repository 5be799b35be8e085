import HTTP
import JSON
import TestSupport

@testable import Configuration
@testable import Proxy
@testable import DNS
@testable import GCP

extension FuzzTarget {
  static let texts = [
    FuzzTarget("configuration") { bytes in
      do throws(ConfigurationErrors) {
        let reading = try Configuration.read(bytes, file: "certd.yaml", baseDirectory: "/")
        let again = try Configuration.read(bytes, file: "certd.yaml", baseDirectory: "/")
        require(reading == again, "two readings of one file differ")
      } catch { require(!error.description.isEmpty, "an error that says nothing") }
    },
    FuzzTarget("scalars") { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      if let name = try? HostName.parse(text) {
        require((try? HostName.parse(name)) == name, "a name is not what it is when read again: \(name)")
      }
      _ = try? HostPattern.parse(text)
      _ = try? Settings.PathMatch.parse(text)
      if let address = try? ListenAddress.parse(text) {
        require(
          (try? ListenAddress.parse("\(address)")) == address, "an address is another one when read again")
      }
      _ = try? BackendText.parse(text)
      _ = try? AddressRange.parse(text)
      _ = try? DurationText.parse(text)
      _ = try? SizeText.parse(text)
      _ = try? FieldText.name(text)
      _ = try? FieldText.value(text)
      _ = try? StatusRange.parse(text)
      _ = try? MediaType.parse(text)
    },
    FuzzTarget("dns") { bytes in
      guard let message = try? Message(bytes) else { return }
      require(message == (try? Message(bytes)), "two readings of one message differ")
    },
    FuzzTarget("json") { bytes in
      var random = chance(bytes)
      let whole = tokens(bytes, pieces: [bytes.count])
      var left = bytes.count
      var pieces: [Int] = []
      while left > 0 {
        pieces.append(Int.random(in: 1...min(left, 9), using: &random))
        left -= pieces.last ?? left
      }
      require(tokens(bytes, pieces: pieces) == whole, "JSON in pieces is not what it is as a whole")
      require(
        passedOver(bytes, pieces: pieces) == (whole.last == "."), "who passes over JSON finds another end")
      let isValue = (try? JSONValue(parsing: bytes)) != nil
      require(isValue == (whole.last == "."), "the scanner and the value do not agree")
      guard let value = try? JSONValue(parsing: bytes) else { return }
      let text = value.text
      require((try? JSONValue(parsing: text.utf8))?.text == text, "a value changes when written and read")
    },
    FuzzTarget("url") { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      guard let url = URL(text) else { return }
      require(!url.host.isEmpty && url.target.hasPrefix("/"), "a URL without a host or path: \(text)")
      _ = url.resolving(text)
      _ = url.resolving("../" + text)
    },
  ]
}

/// What the scanner says of bytes that come in pieces: each kind of token by its letter, text as it is.
private func tokens(_ bytes: [UInt8], pieces: [Int]) -> String {
  guard let memory = try? GuardedMemory(capacity: bytes.count) else { return "" }
  var scanner = JSONScanner(maximumDepth: JSONValue.maximumDepth, maximumBytes: FuzzTarget.maximumBytes)
  var said: [UInt8] = []
  var start = 0
  var token = JSONScanner.Token.more
  for length in pieces {
    let part = Array(bytes[start..<start + length])
    let piece = UnsafeRawBufferPointer(start: memory.atEnd(part), count: length)
    var at = 0
    repeat {
      token = scanner.next(piece, &at)
      if case .text(let range) = token {
        said += piece[range]
      } else if token != .more, token != .end {
        said += "<\(token)>".utf8
      }
    } while token != .more && token != .end && token != .malformed
    require(at <= length && (at == length || token == .malformed), "a piece is left unread")
    if token == .malformed { break }
    start += length
  }
  while token != .end, token != .malformed { token = scanner.finish() }
  require(scanner.offset <= bytes.count, "more has been read than there is")
  said += "\(scanner.offset)\(token == .end ? "." : "!")".utf8
  return String(decoding: said, as: UTF8.self)
}

/// Whether bytes that come in pieces are a document, for one who passes over it.
private func passedOver(_ bytes: [UInt8], pieces: [Int]) -> Bool {
  guard let memory = try? GuardedMemory(capacity: bytes.count) else { return false }
  var scanner = JSONScanner(maximumDepth: JSONValue.maximumDepth, maximumBytes: FuzzTarget.maximumBytes)
  var start = 0
  for length in pieces {
    let part = Array(bytes[start..<start + length])
    let piece = UnsafeRawBufferPointer(start: memory.atEnd(part), count: length)
    var at = 0
    while ![.more, .end, .malformed].contains(scanner.skip(to: 0, piece, &at)) {}
    start += length
  }
  var token = scanner.finish()
  while token != .end, token != .malformed { token = scanner.finish() }
  return token == .end
}
