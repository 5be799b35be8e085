/// A type of records (RFC 1035 §3.2.2 and later).
public struct RecordType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The number.
  public let rawValue: UInt16
  /// A type by its number.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
  public static let a = RecordType(rawValue: 1)
  // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
  public static let ns = RecordType(rawValue: 2)
  // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
  public static let cname = RecordType(rawValue: 5)
  // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
  public static let soa = RecordType(rawValue: 6)
  // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
  public static let txt = RecordType(rawValue: 16)
  // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
  public static let aaaa = RecordType(rawValue: 28)
  /// Where a service is (RFC 2782).
  public static let srv = RecordType(rawValue: 33)
  static let opt = RecordType(rawValue: 41)
  static let tsig = RecordType(rawValue: 250)
  /// Certification authority authorization (RFC 8659).
  public static let caa = RecordType(rawValue: 257)

  /// `AAAA`, or `TYPE65280` for one without a name here.
  public var description: String {
    switch self {
    case .a: "A"
    case .ns: "NS"
    case .cname: "CNAME"
    case .soa: "SOA"
    case .txt: "TXT"
    case .aaaa: "AAAA"
    case .srv: "SRV"
    case .caa: "CAA"
    default: "TYPE\(rawValue)"
    }
  }
}

/// What a record says.
public enum RecordData: Hashable, Sendable {
  /// An IPv4 or IPv6 address of 4 or 16 bytes.
  case address([UInt8])
  /// Another name: of NS and CNAME.
  case name(DomainName)
  /// The zone's primary server, of SOA.
  case authority(primary: DomainName)
  /// The strings of TXT, joined: so they are compared (RFC 8555 §8.4).
  case text([UInt8])
  /// A property of CAA (RFC 8659 §4.1).
  case authorization(isCritical: Bool, tag: String, value: String)
  /// Where a service is: servers of a lesser priority come first, those of one priority share by weight (RFC 2782).
  case service(priority: UInt16, weight: UInt16, port: UInt16, target: DomainName)
  /// Anything else, as it came.
  case other([UInt8])
}

/// A resource record.
public struct Record: Hashable, Sendable {
  /// Whose it is.
  public let name: DomainName
  /// Its type.
  public let type: RecordType
  /// How long it may be kept, in seconds.
  public let ttl: UInt32
  /// What it says.
  public let data: RecordData
}
