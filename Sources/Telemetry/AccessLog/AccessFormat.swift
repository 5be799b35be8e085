/// The shape of the access log's lines.
public enum AccessFormat: Sendable, Equatable {
  /// One JSON object with everything that is known.
  case json
  /// The combined format of Apache and nginx; what is not told is `-`.
  case combined
  /// Fields in a text.
  case template(AccessTemplate)
}

/// Something that a line can tell of a request.
public enum AccessField: String, Sendable, CaseIterable {
  case time, clientIP = "client_ip", method, host, path, version = "protocol", status
  case bytesIn = "bytes_in", bytesOut = "bytes_out", duration = "duration_us", firstByte = "first_byte_us"
  case service, backend, attempts, tls, identity, model, key
  case promptTokens = "prompt_tokens", cachedTokens = "cached_tokens", completionTokens = "completion_tokens"
  case firstToken = "first_token_us", requestID = "request_id", traceID = "trace_id", userAgent = "user_agent"
}

/// A text with fields in braces: `{client_ip} {status}`; `{{` is a brace.
public struct AccessTemplate: Sendable, Equatable {
  /// A part of it.
  enum Piece: Sendable, Equatable {
    case text([UInt8])
    case field(AccessField)
  }

  /// The most text besides fields, in bytes.
  public static let maximumTextInBytes = 256

  /// Its parts, in order.
  let pieces: [Piece]

  /// Why a text is no template.
  public enum Problem: Error, Equatable, Sendable {
    /// There is no such field.
    case unknown(String)
    /// A field stands twice.
    case repeated(String)
    /// A brace is not closed, or there is too much text, or a control character in it.
    case malformed
  }

  /// Reads a template.
  public init(_ text: String) throws(Problem) {
    var pieces: [Piece] = []
    var plain: [UInt8] = []
    var total = 0
    var rest = text[...]
    var seen: Set<String> = []
    func end() {
      if !plain.isEmpty { pieces.append(.text(plain)) }
      plain = []
    }
    while let next = rest.popFirst() {
      guard next == "{" else {
        plain += Array(String(next).utf8)
        total += String(next).utf8.count
        continue
      }
      if rest.first == "{" {
        rest.removeFirst()
        plain.append(UInt8(ascii: "{"))
        total += 1
        continue
      }
      guard let close = rest.firstIndex(of: "}") else { throw .malformed }
      let name = String(rest[..<close])
      guard let field = AccessField(rawValue: name) else { throw .unknown(name) }
      guard seen.insert(name).inserted else { throw .repeated(name) }
      end()
      pieces.append(.field(field))
      rest = rest[rest.index(after: close)...]
    }
    end()
    guard total <= Self.maximumTextInBytes, !pieces.isEmpty,
      text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
    else { throw .malformed }
    self.pieces = pieces
  }

  /// Whether a field stands in it.
  func has(_ field: AccessField) -> Bool { pieces.contains(.field(field)) }
}
