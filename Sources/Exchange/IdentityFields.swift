internal import HTTP

/// The names under which identities are told, whichever of them is in use.
enum IdentityFields {
  private static let names: [StaticString] = [
    "client-cert", "client-cert-chain", "x-client-cert-san", "x-client-cert-subject",
  ]

  /// Letter case folded, and `_` taken for `-`, as servers do that make variables of names.
  static func contains(_ name: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    for known in names where known.utf8CodeUnitCount == length {
      var same = true
      for i in 0..<length where same {
        let c = unsafe name[i]
        same = unsafe (c == 0x5F ? 0x2D : c >= 0x41 && c <= 0x5A ? c | 0x20 : c) == known.utf8Start[i]
      }
      if same { return true }
    }
    return false
  }
}
