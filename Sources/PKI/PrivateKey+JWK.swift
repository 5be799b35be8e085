import Bytes

extension PrivateKey {
  /// The longest member of a JWK that is read, in characters: a modulus of 8192 bits.
  private static let maximumMemberLength = 1366

  /// Reads a private key from the members of a JWK (RFC 7517, RFC 7518 §6): RSA with its primes, or EC.
  public convenience init(jwk members: [String: String]) throws(PKIError) {
    func bytes(_ name: String) throws(PKIError) -> [UInt8] {
      guard let text = members[name], text.utf8.count <= Self.maximumMemberLength,
        let bytes = Base64URL.decode(text), !bytes.isEmpty
      else { throw PKIError(what: "reading a JWK", reason: "the member \"\(name)\" is missing or malformed") }
      return bytes
    }
    func integer(_ name: String) throws(PKIError) -> [UInt8] {
      let digits = Array(try bytes(name).drop { $0 == 0 })
      return DER.tagged(0x02, digits.first.map { $0 < 0x80 } ?? false ? digits : [0] + digits)
    }
    switch members["kty"] {
    case "RSA":
      var parts = DER.tagged(0x02, [0])
      for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] { parts += try integer(name) }
      try self.init(der: DER.tagged(0x30, parts))
    case "EC":
      let (curve, count): ([UInt8], Int)
      switch members["crv"] {
      case "P-256": (curve, count) = ([0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07], 32)
      case "P-384": (curve, count) = ([0x2B, 0x81, 0x04, 0x00, 0x22], 48)
      default: throw PKIError(what: "reading a JWK", reason: "the curve is neither P-256 nor P-384")
      }
      func padded(_ name: String) throws(PKIError) -> [UInt8] {
        let value = try bytes(name)
        guard value.count <= count else {
          throw PKIError(what: "reading a JWK", reason: "the member \"\(name)\" is too long")
        }
        return [UInt8](repeating: 0, count: count - value.count) + value
      }
      let point = DER.tagged(0x03, [0, 4] + (try padded("x")) + (try padded("y")))
      try self.init(
        der: DER.sequence(
          DER.tagged(0x02, [1]), DER.octetString(try padded("d")),
          DER.tagged(0xA0, DER.object(curve)), DER.tagged(0xA1, point)))
    default: throw PKIError(what: "reading a JWK", reason: "\"kty\" is neither RSA nor EC")
    }
  }
}
