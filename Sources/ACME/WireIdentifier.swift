internal import PKI

/// An identifier as ACME writes it: `{"type":"dns","value":"a.example"}` (RFC 8555 §9.7.7, RFC 8738 §3).
struct WireIdentifier: Codable, Hashable {
  let type: String
  let value: String

  init(_ identifier: Identifier) {
    switch identifier {
    case .dns: type = "dns"
    case .ip: type = "ip"
    }
    value = identifier.description
  }

  /// The identifier; nil for another type or a value that is none of its type.
  var identifier: Identifier? {
    guard let parsed = Identifier(value) else { return nil }
    switch (type, parsed) {
    case ("dns", .dns), ("ip", .ip): return parsed
    default: return nil
    }
  }
}
