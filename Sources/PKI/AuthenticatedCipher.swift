internal import COpenSSL

/// AES-256-GCM (NIST SP 800-38D): what is sealed is secret, and neither it nor its context can be changed unseen.
public enum AuthenticatedCipher {
  /// The length of a key, in bytes.
  public static let keyBytes = 32
  /// The length of a nonce, in bytes. With one key no nonce may be used twice.
  public static let nonceBytes = 12
  /// The length of the code at the end of what is sealed, in bytes.
  public static let tagBytes = 16
  /// The most that is sealed at once, in bytes.
  public static let maximumBytes = 16 << 20

  /// The sealed text, and its code behind it.
  public static func seal(
    _ plain: [UInt8], key: [UInt8], nonce: [UInt8], context: [UInt8]
  ) throws(PKIError) -> [UInt8] {
    let what = "sealing"
    try check(key, nonce, plain.count, context.count, what)
    let cipher = try unsafe made(EVP_CIPHER_CTX_new(), what)
    defer { unsafe EVP_CIPHER_CTX_free(cipher) }
    try unsafe succeeded(EVP_EncryptInit_ex2(cipher, EVP_aes_256_gcm(), key, nonce, nil), what)
    var count: Int32 = 0
    try unsafe succeeded(EVP_EncryptUpdate(cipher, nil, &count, context, Int32(context.count)), what)
    var sealed = [UInt8](repeating: 0, count: plain.count + tagBytes)
    if !plain.isEmpty {
      try unsafe succeeded(EVP_EncryptUpdate(cipher, &sealed, &count, plain, Int32(plain.count)), what)
    }
    var rest = [UInt8](repeating: 0, count: tagBytes)
    try unsafe succeeded(EVP_EncryptFinal_ex(cipher, &rest, &count), what)
    var tag = [UInt8](repeating: 0, count: tagBytes)
    try unsafe succeeded(
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, Int32(tagBytes), &tag), what)
    sealed.replaceSubrange(plain.count..., with: tag)
    return sealed
  }

  /// What was sealed; throws when it, its context or the key is another.
  public static func open(
    _ sealed: [UInt8], key: [UInt8], nonce: [UInt8], context: [UInt8]
  ) throws(PKIError) -> [UInt8] {
    let what = "opening what is sealed"
    guard sealed.count >= tagBytes else { throw PKIError(what: what, reason: "it is too short") }
    try check(key, nonce, sealed.count - tagBytes, context.count, what)
    let text = Array(sealed.dropLast(tagBytes))
    var tag = Array(sealed.suffix(tagBytes))
    let cipher = try unsafe made(EVP_CIPHER_CTX_new(), what)
    defer { unsafe EVP_CIPHER_CTX_free(cipher) }
    try unsafe succeeded(EVP_DecryptInit_ex2(cipher, EVP_aes_256_gcm(), key, nonce, nil), what)
    var count: Int32 = 0
    try unsafe succeeded(EVP_DecryptUpdate(cipher, nil, &count, context, Int32(context.count)), what)
    var plain = [UInt8](repeating: 0, count: text.count)
    if !text.isEmpty {
      try unsafe succeeded(EVP_DecryptUpdate(cipher, &plain, &count, text, Int32(text.count)), what)
    }
    try unsafe succeeded(
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, Int32(tagBytes), &tag), what)
    var rest = [UInt8](repeating: 0, count: tagBytes)
    guard unsafe EVP_DecryptFinal_ex(cipher, &rest, &count) > 0 else {
      ERR_clear_error()
      throw PKIError(what: what, reason: "it was changed, moved, or sealed with another key")
    }
    return plain
  }

  private static func check(
    _ key: [UInt8], _ nonce: [UInt8], _ count: Int, _ contextCount: Int, _ what: String
  ) throws(PKIError) {
    guard key.count == keyBytes, nonce.count == nonceBytes, count <= maximumBytes, contextCount <= 4096 else {
      throw PKIError(what: what, reason: "a key, nonce or text of unusable length")
    }
  }
}
