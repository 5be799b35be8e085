import Bytes
import JSON

/// One line before it becomes bytes.
struct LogLine {
  /// Longest message, name and value, in bytes before escaping; what is cut ends in `…`.
  static let maximumTextInBytes = 2048
  /// Longest line, in bytes; values that would exceed it are left out and `truncated` says so.
  static let maximumLineInBytes = 16_384

  let wallNanoseconds: Int64
  let level: Log.Level
  let message: String
  let values: [(String, LogValue)]

  func bytes(_ format: Log.Format) -> [UInt8] {
    switch format {
    case .json: json()
    case .text(let colour): text(colour: colour)
    }
  }

  private func json() -> [UInt8] {
    var out = JSONWriter(.line, .shown)
    out.beginObject()
    out.member("time", Self.timestamp(wallNanoseconds))
    out.member("level", "\(level)")
    out.member("message", Self.cut(message))
    let names: Set<String> = ["time", "level", "message", "truncated"]
    for (name, value) in values {
      let place = out.place
      // A value must not take the place of what every line has.
      out.name(names.contains(name) ? "\(name)_" : Self.cut(name))
      switch value {
      case .text(let text): out.string(Self.cut(text))
      case .integer(let number): out.integer(number)
      case .boolean(let flag): out.boolean(flag)
      }
      guard out.bytes.count + 32 <= Self.maximumLineInBytes else {
        out.goBack(to: place)
        out.member("truncated", true)
        break
      }
    }
    out.endObject()
    return out.bytes + [0x0A]
  }

  private func text(colour: Bool) -> [UInt8] {
    let name = "\(level)".uppercased()
    let padded = name + String(repeating: " ", count: 5 - name.utf8.count)
    let time = Self.timestamp(wallNanoseconds).dropFirst(11).dropLast()
    var line = "\(time) "
    line += colour ? "\u{1B}[\(Self.colours[level] ?? 0)m\(padded)\u{1B}[0m " : "\(padded) "
    line += Self.plain(Self.cut(message), quoting: false)
    for (index, (name, value)) in values.enumerated() {
      let shown =
        switch value {
        case .text(let text): Self.plain(Self.cut(text), quoting: true)
        case .integer(let number): String(number)
        case .boolean(let flag): String(flag)
        }
      let label = Self.plain(Self.cut(name), quoting: true)
      let part = (index == 0 ? "  " : " ") + (colour ? "\u{1B}[2m\(label)=\u{1B}[0m" : "\(label)=") + shown
      guard line.utf8.count + part.utf8.count + 32 <= Self.maximumLineInBytes else {
        line += " truncated=true"
        break
      }
      line += part
    }
    return Array(line.utf8) + [0x0A]
  }

  private static let colours: [Log.Level: Int] = [.debug: 2, .info: 32, .warn: 33, .error: 31]

  /// RFC 3339 in UTC with milliseconds.
  static func timestamp(_ wallNanoseconds: Int64) -> String {
    let (quotient, remainder) = wallNanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let seconds = remainder < 0 ? quotient - 1 : quotient
    let milliseconds = (remainder < 0 ? remainder + 1_000_000_000 : remainder) / 1_000_000
    let digits = String(milliseconds)
    let fraction = String(repeating: "0", count: 3 - digits.utf8.count) + digits
    return "\(UnixTime(seconds: seconds).description.dropLast()).\(fraction)Z"
  }

  /// A text of bounded length.
  static func cut(_ text: String) -> String {
    guard text.utf8.count > maximumTextInBytes else { return text }
    var out = ""
    for scalar in text.unicodeScalars {
      guard out.utf8.count + 4 <= maximumTextInBytes else { break }
      out.unicodeScalars.append(scalar)
    }
    return out + "…"
  }

  /// Text for a terminal: nothing in it can end the line, move the cursor or turn the writing direction.
  private static func plain(_ text: String, quoting: Bool) -> String {
    var out = ""
    var needsQuotes = text.isEmpty
    for scalar in text.unicodeScalars {
      if JSONString.isUnsafeToShow(scalar) {
        out += scalar.escaped(asASCII: true)
        needsQuotes = true
      } else if scalar == "\"" || scalar == "\\" {
        out += quoting ? "\\\(scalar)" : String(scalar)
        needsQuotes = true
      } else {
        needsQuotes = needsQuotes || scalar == " " || scalar == "="
        out.unicodeScalars.append(scalar)
      }
    }
    return quoting && needsQuotes ? "\"\(out)\"" : out
  }
}
