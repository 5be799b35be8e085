internal import COpenSSL

/// Random bytes fit for keys and serial numbers. Only shells call it; whatever decides is given randomness.
public enum Random {
  /// So many random bytes from OpenSSL, or from the kernel should OpenSSL's generator fail.
  public static func bytes(_ count: Int) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: max(0, count))
    guard out.count <= Int32.max, unsafe RAND_bytes(&out, Int32(out.count)) == 1 else {
      ERR_clear_error()
      var system = SystemRandomNumberGenerator()
      return out.map { _ in UInt8.random(in: 0...255, using: &system) }
    }
    return out
  }
}
