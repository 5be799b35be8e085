internal import COpenSSL

/// SHA-256 (FIPS 180-4) of one short text after another, for one thread: nothing is allocated or looked up for each.
@safe public final class RepeatedHash {
  private let context: OpaquePointer?
  private let algorithm: OpaquePointer?

  /// The length of a hash, in bytes.
  public static let length = 32

  /// Ready for the first text.
  public init() {
    unsafe context = unsafe EVP_MD_CTX_new()
    unsafe algorithm = unsafe EVP_MD_fetch(nil, "SHA256", nil)
  }

  deinit {
    unsafe EVP_MD_CTX_free(context)
    unsafe EVP_MD_free(algorithm)
  }

  /// Writes the hash of `prefix` and the text behind it to `out`, which MUST have room for `length` bytes. False when
  /// OpenSSL cannot: then there is no hash.
  public func write(
    prefix: StaticString = "", _ text: UnsafeRawBufferPointer, to out: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    guard let context = unsafe context, let algorithm = unsafe algorithm else { return false }
    var count: UInt32 = 0
    let isDone =
      unsafe EVP_DigestInit_ex(context, algorithm, nil) == 1
      && EVP_DigestUpdate(context, prefix.utf8Start, prefix.utf8CodeUnitCount) == 1
      && EVP_DigestUpdate(context, text.baseAddress, text.count) == 1
      && EVP_DigestFinal_ex(context, out, &count) == 1
    if !isDone { ERR_clear_error() }
    return isDone && count == UInt32(Self.length)
  }
}
