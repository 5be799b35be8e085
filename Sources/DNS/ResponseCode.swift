/// How a server answered (RFC 1035 §4.1.1, RFC 2136 §2.2, RFC 8945 §3).
public struct ResponseCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The number.
  public let rawValue: UInt16
  /// A code by its number.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// It answered.
  public static let noError = ResponseCode(rawValue: 0)
  /// It cannot find out.
  public static let serverFailure = ResponseCode(rawValue: 2)
  /// There is no such name.
  public static let nameError = ResponseCode(rawValue: 3)
  /// It will not.
  public static let refused = ResponseCode(rawValue: 5)

  private static let names: [UInt16: String] = [
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN",
    7: "YXRRSET", 8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 16: "BADSIG", 17: "BADKEY", 18: "BADTIME",
    22: "BADTRUNC",
  ]

  /// `NXDOMAIN`, or `RCODE23` for one without a name here.
  public var description: String { Self.names[rawValue] ?? "RCODE\(rawValue)" }
}
