/// The key types that certd makes.
public enum KeyType: String, Sendable, CaseIterable {
  /// ECDSA on P-256, the default everywhere.
  case ecP256 = "ec-p256"
  /// ECDSA on P-384.
  case ecP384 = "ec-p384"
  /// RSA with a modulus of 2048 bits.
  case rsa2048 = "rsa-2048"
  /// RSA with a modulus of 3072 bits.
  case rsa3072 = "rsa-3072"
  /// RSA with a modulus of 4096 bits.
  case rsa4096 = "rsa-4096"

  /// Whether it is RSA; the others are ECDSA.
  public var isRSA: Bool {
    switch self {
    case .ecP256, .ecP384: false
    case .rsa2048, .rsa3072, .rsa4096: true
    }
  }
}
