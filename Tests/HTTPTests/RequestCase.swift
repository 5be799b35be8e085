import HTTP
import Testing

/// One line of the framing table.
struct RequestCase: CustomTestStringConvertible, Sendable {
  let head: String
  let expected: RequestOutcome

  var testDescription: String { String(head.prefix(60).debugDescription) }

  /// A request with these further field lines is accepted.
  static func fields(_ lines: String..., is framing: BodyFraming) -> RequestCase {
    RequestCase(
      head: withFields(lines), expected: .accepted(method: "POST", target: "/p", host: "h", framing: framing))
  }

  /// A request with these further field lines is refused.
  static func fields(_ lines: String..., fails error: ParseError) -> RequestCase {
    RequestCase(head: withFields(lines), expected: .refused(error))
  }

  /// A request line, with a Host field after it, is accepted.
  static func line(
    _ line: String, _ method: String, _ target: String, host: String = "h"
  ) -> RequestCase {
    RequestCase(
      head: line + "\r\nHost: h\r\n\r\n",
      expected: .accepted(method: method, target: target, host: host, framing: .none))
  }

  /// A request line, with a Host field after it, is refused.
  static func line(_ line: String, fails error: ParseError) -> RequestCase {
    RequestCase(head: line + "\r\nHost: h\r\n\r\n", expected: .refused(error))
  }

  /// A whole head is refused.
  static func whole(_ head: String, fails error: ParseError) -> RequestCase {
    RequestCase(head: head, expected: .refused(error))
  }

  /// A Host field's value is taken for this host.
  static func host(_ value: String, is host: String) -> RequestCase {
    RequestCase(
      head: "GET / HTTP/1.1\r\nHost: \(value)\r\n\r\n",
      expected: .accepted(method: "GET", target: "/", host: host, framing: .none))
  }

  /// A Host field's value is refused.
  static func host(_ value: String, fails error: ParseError) -> RequestCase {
    RequestCase(head: "GET / HTTP/1.1\r\nHost: \(value)\r\n\r\n", expected: .refused(error))
  }

  private static func withFields(_ lines: [String]) -> String {
    "POST /p HTTP/1.1\r\nHost: h\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
  }

  static let all = requestLines + targets + hosts + lengths + codings + fieldLines + lineEnds
}
