public import HTTP

/// Max-Forwards of OPTIONS and TRACE (RFC 9110 §7.6.2): how many proxies they may still pass.
public enum MaxForwards: Equatable {
  /// There is none, or one that is not a number: it says nothing.
  case absent
  /// The last hop is us.
  case exhausted
  /// What the next hop is told.
  case left(UInt64)

  private static let name: StaticString = "max-forwards"
  /// What fields TRACE reflects: none that a client would keep secret (RFC 9110 §9.3.8).
  private static let reflected: [StaticString] = ["host", "max-forwards", "user-agent", "via"]

  static func isName(_ p: UnsafePointer<UInt8>, _ length: Int) -> Bool { unsafe ASCII.same(p, length, name) }

  /// What a request's fields say.
  public static func read(_ fields: borrowing FieldSection, _ base: UnsafePointer<UInt8>) -> MaxForwards {
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      guard line.name == .other, unsafe isName(base + Int(line.nameStart), Int(line.nameLength)) else {
        continue
      }
      var value: UInt64 = 0
      let digits = unsafe base + Int(line.valueStart)
      guard line.valueLength > 0 else { return .absent }
      for j in 0..<Int(line.valueLength) {
        guard unsafe digits[j] &- 0x30 < 10 else { return .absent }
        // More than any chain of proxies has.
        value = unsafe min(value * 10 + UInt64(digits[j] &- 0x30), UInt64(UInt32.max))
      }
      return value == 0 ? .exhausted : .left(value - 1)
    }
    return .absent
  }

  /// Whether TRACE's answer shows a field.
  public static func isReflected(_ p: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    reflected.contains { unsafe ASCII.same(p, length, $0) }
  }
}
