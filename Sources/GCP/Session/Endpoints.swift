internal import HTTP

/// Which of Google's interfaces a call is for.
public enum API: String, Sendable, CaseIterable {
  case compute = "compute.googleapis.com"
  case certificateManager = "certificatemanager.googleapis.com"
  case publicCA = "publicca.googleapis.com"
  case dns = "dns.googleapis.com"

  /// What stands between the address and `projects/`.
  var prefix: String {
    switch self {
    case .compute: "compute/v1/"
    case .dns: "dns/v1/"
    case .certificateManager, .publicCA: "v1/"
    }
  }

  /// The query's name for how much a page holds.
  var pageSizeParameter: String {
    switch self {
    case .compute, .dns: "maxResults"
    case .certificateManager, .publicCA: "pageSize"
    }
  }
}

/// Where Google's interfaces are: the public addresses unless set otherwise, as for Private Service Connect.
public struct Endpoints: Sendable, Equatable {
  /// Compute Engine.
  public var compute = "https://compute.googleapis.com"
  /// Certificate Manager.
  public var certificateManager = "https://certificatemanager.googleapis.com"
  /// Public Certificate Authority.
  public var publicCA = "https://publicca.googleapis.com"
  /// Cloud DNS.
  public var dns = "https://dns.googleapis.com"
  /// Overrides where a service account's or user's token is asked for; nil for what the credentials say.
  public var token: String?
  /// Overrides where a token of another issuer is exchanged (Security Token Service); nil for what the credentials say.
  public var sts: String?

  /// Google's own addresses.
  public init() {}

  /// The base address of one interface, without a slash at its end.
  func base(_ api: API) -> String {
    var text =
      switch api {
      case .compute: compute
      case .certificateManager: certificateManager
      case .publicCA: publicCA
      case .dns: dns
      }
    while text.hasSuffix("/") { text.removeLast() }
    // Private Service Connect endpoints are often written with the path that Google's clients want.
    if text.hasSuffix("/compute/v1"), api == .compute { text.removeLast("/compute/v1".count) }
    return text
  }

  /// The URL of a path with its query, or nil when the address or a value cannot stand in one.
  func url(_ path: Path, query: [String: String]) -> URL? {
    var text = "\(base(path.api))/\(path.api.prefix)\(path.text)"
    for (index, (name, value)) in query.sorted(by: { $0.key < $1.key }).enumerated() {
      text += "\(index == 0 ? "?" : "&")\(name)=\(percentEncoded(value))"
    }
    return URL(text)
  }
}

/// A text as it may stand in a query or form (RFC 3986 §2.3: all but the unreserved escaped).
func percentEncoded(_ text: String) -> String {
  let digits = Array("0123456789ABCDEF".utf8)
  var out: [UInt8] = []
  for c in text.utf8 {
    switch c {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: out.append(c)
    default: out += [0x25, digits[Int(c >> 4)], digits[Int(c & 15)]]
    }
  }
  return String(decoding: out, as: UTF8.self)
}

extension URL {
  /// Whether it is an address of this machine, to which nothing goes over a network.
  var isOnThisMachine: Bool {
    host == "localhost" || host == "::1"
      || host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) }
  }
}
