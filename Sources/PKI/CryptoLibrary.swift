internal import COpenSSL

/// OpenSSL as the whole process has it.
public enum CryptoLibrary {
  /// Keeps OpenSSL's tables until the kernel takes the process away. To be called before anything else of this
  /// program touches OpenSSL.
  ///
  /// By default OpenSSL frees its tables and locks in an `atexit` handler, while other threads of ours may be in
  /// the middle of a handshake or a signature; they then crash, although all work was done
  /// (OPENSSL_init_crypto(3), OPENSSL_INIT_NO_ATEXIT).
  public static func keepUntilTheEnd() {
    OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
  }
}
