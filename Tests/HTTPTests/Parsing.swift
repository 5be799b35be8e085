import HTTP
import TestSupport

/// What became of a request head, in values that a table can hold.
enum RequestOutcome: Equatable {
  case accepted(method: String, target: String, host: String, framing: BodyFraming)
  case refused(ParseError)
  case incomplete
}

/// A parsed request head with its texts.
struct ParsedRequest {
  var head: RequestHead
  var method: String
  var target: String
  var host: String
  var authority: String
  var fields: [(name: String, value: String)]
}

/// Finds and parses a head in place.
func parse(
  _ base: UnsafePointer<UInt8>, _ count: Int, capacity: Int = 16
) -> (outcome: RequestOutcome, parsed: ParsedRequest?) {
  let length: Int
  switch HeadEnd.find(base, count: count, from: 0) {
  case .bareLineFeed: return (.refused(.bareLineFeed), nil)
  case .incomplete: return (.incomplete, nil)
  case .found(let found): length = found
  }
  var fields = FieldSection(capacity: capacity)
  var head = RequestHead()
  if let error = RequestHead.parse(base, count: length, fields: &fields, into: &head) {
    return (.refused(error), nil)
  }
  func text(_ start: Int, _ length: Int) -> String {
    String(UnsafeBufferPointer(start: base + start, count: length).map { Character(Unicode.Scalar($0)) })
  }
  let lines = (0..<fields.count).map { index in
    let line = fields.lines[index]
    return (
      name: text(Int(line.nameStart), Int(line.nameLength)),
      value: text(Int(line.valueStart), Int(line.valueLength))
    )
  }
  let parsed = ParsedRequest(
    head: head, method: text(0, head.methodLength), target: text(head.targetStart, head.targetLength),
    host: text(head.hostStart, head.hostLength), authority: text(head.authorityStart, head.authorityLength),
    fields: lines)
  let outcome = RequestOutcome.accepted(
    method: parsed.method, target: parsed.target, host: parsed.host, framing: head.framing)
  return (outcome, parsed)
}

/// The same for a text.
func parse(_ text: String, capacity: Int = 16) -> (outcome: RequestOutcome, parsed: ParsedRequest?) {
  let bytes = latin1(text)
  return bytes.withUnsafeBufferPointer { buffer in
    guard let base = buffer.baseAddress else { return (.incomplete, nil) }
    return parse(base, buffer.count, capacity: capacity)
  }
}
