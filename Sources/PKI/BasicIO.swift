internal import COpenSSL

/// Collects what an OpenSSL writer prints into memory.
func printed(
  _ what: String, limitInBytes: Int = 1 << 20, _ write: (OpaquePointer) -> Int32
) throws(PKIError) -> [UInt8] {
  let bio = try unsafe made(BIO_new(BIO_s_mem()), what)
  defer { unsafe BIO_free_all(bio) }
  guard unsafe write(bio) >= 0 else { throw PKIError.drained(what) }
  var start: UnsafeMutablePointer<CChar>?
  let count = unsafe certd_BIO_get_mem_data(bio, &start)
  guard count >= 0, count <= limitInBytes else {
    throw PKIError(what: what, reason: "longer than \(limitInBytes) bytes")
  }
  guard let start = unsafe start, count > 0 else { return [] }
  return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
}

/// The DER of an object by its `i2d` function, called twice as OpenSSL wants it.
func encoded(
  _ what: String, _ i2d: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32
) throws(PKIError) -> [UInt8] {
  let count = i2d(nil)
  guard count > 0 else { throw PKIError.drained(what) }
  var written: Int32 = 0
  let out = unsafe [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, initialized in
    var at: UnsafeMutablePointer<UInt8>? = buffer.baseAddress
    written = unsafe i2d(&at)
    initialized = written == count ? Int(count) : 0
  }
  guard written == count else { throw PKIError.drained(what) }
  return out
}

/// The bytes of an ASN.1 string; empty for none.
func bytes(of string: UnsafePointer<ASN1_STRING>?) -> [UInt8] {
  guard let string = unsafe string, let start = unsafe ASN1_STRING_get0_data(string) else { return [] }
  return unsafe Array(UnsafeBufferPointer(start: start, count: Int(max(0, ASN1_STRING_length(string)))))
}
