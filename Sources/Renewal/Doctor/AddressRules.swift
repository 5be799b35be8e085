import PKI

/// What a look-up of one type of address came to.
public enum AddressLookup: Sendable, Equatable {
  /// Addresses, each in 4 or 16 bytes, and the name that has them.
  case found([[UInt8]], canonical: String)
  /// The name has none of this type, or there is no such name.
  case none(exists: Bool)
  /// The servers did not answer, or refused to.
  case failed(String)
}

/// What the addresses of a name mean for a CA that validates it.
public enum AddressRules {
  /// Findings about each type of address by itself. `isPublicCA` is whether the CA is out in the Internet;
  /// `isProvenByDNS` whether it does not connect to the name at all.
  public static func judge(
    _ name: String, v4: AddressLookup, v6: AddressLookup, isPublicCA: Bool, isProvenByDNS: Bool = false
  ) -> [Finding] {
    let isPublicCA = isPublicCA && !isProvenByDNS
    var findings = [judge(name, "a", v4, isPublicCA), judge(name, "aaaa", v6, isPublicCA)].flatMap { $0 }
    if case .none(let exists) = v4, case .none = v6 {
      findings = [
        Finding(
          isProvenByDNS ? .warning : .problem, "addresses",
          exists ? "\(name) has neither an A nor an AAAA record" : "there is no such name as \(name)",
          remedy: "add an A or AAAA record with this machine's public address at the DNS provider of the zone"
        )
      ]
    }
    return findings
  }

  private static func judge(
    _ name: String, _ type: String, _ lookup: AddressLookup, _ isPublicCA: Bool
  ) -> [Finding] {
    switch lookup {
    case .none: return [Finding(.ok, type, "\(name) has no \(type.uppercased()) record")]
    case .failed(let why):
      return [
        Finding(
          .problem, type, "\(type.uppercased()) of \(name): \(why)",
          remedy:
            "a CA gets no answer either: see whether the zone's servers answer, and whether DNSSEC's DS record "
            + "at the parent fits the zone's keys")
      ]
    case .found(let addresses, let canonical):
      let alias = canonical == name ? "" : " (by way of the alias \(canonical))"
      return addresses.map { bytes in
        let text = Identifier.ip(bytes).description
        guard isPublicCA, let why = unreachable(bytes) else {
          return Finding(.ok, type, "\(name) is \(text)\(alias)")
        }
        return Finding(
          .problem, type, "\(name) is \(text)\(alias), \(why) address that no CA in the Internet can reach",
          remedy: "replace it with the public address, or prove the name by dns-01")
      }
    }
  }

  /// Which kind of address it is that the Internet does not reach (RFC 6890); nil for others.
  static func unreachable(_ bytes: [UInt8]) -> String? {
    if bytes.count == 4 {
      switch (bytes[0], bytes[1]) {
      case (127, _): return "a loopback"
      case (10, _), (172, 16...31), (192, 168): return "a private"
      case (100, 64...127): return "a shared (carrier-grade NAT)"
      case (169, 254): return "a link-local"
      case (0, _), (240...255, _), (224...239, _): return "a reserved"
      case (192, 0) where bytes[2] == 2, (198, 51) where bytes[2] == 100, (203, 0) where bytes[2] == 113:
        return "a documentation"
      case (198, 18...19): return "a benchmarking"
      default: return nil
      }
    }
    guard bytes.count == 16 else { return "an unusable" }
    if bytes.dropLast().allSatisfy({ $0 == 0 }) { return bytes[15] == 1 ? "a loopback" : "a reserved" }
    if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
      return unreachable(Array(bytes[12...]))
    }
    switch (bytes[0], bytes[1]) {
    case (0xFC...0xFD, _): return "a private (unique local)"
    case (0xFE, 0x80...0xBF): return "a link-local"
    case (0xFF, _): return "a reserved"
    case (0x20, 0x01) where bytes[2] == 0x0D && bytes[3] == 0xB8: return "a documentation"
    default: return nil
    }
  }
}
