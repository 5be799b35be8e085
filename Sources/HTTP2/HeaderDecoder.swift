internal import CNGHTTP2

/// Decompresses header sections (RFC 7541) by nghttp2, piece by piece as frames bring them. Its table must see every
/// section of the connection in order, also of those that are refused.
@safe struct HeaderDecoder: BitwiseCopyable {
  private var inflater: OpaquePointer?

  /// Feeds a fragment and gives its fields to the builder. False when it is not HPACK: the connection is lost.
  mutating func decode(
    _ bytes: UnsafePointer<UInt8>, _ count: Int, isLast: Bool, into head: inout HeadBuilder
  ) -> Bool {
    if unsafe inflater == nil, unsafe nghttp2_hd_inflate_new(&inflater) != 0 { return false }
    var at = unsafe bytes
    var left = count
    var line = unsafe nghttp2_nv()
    while true {
      var flags: Int32 = 0
      let used = unsafe nghttp2_hd_inflate_hd2(inflater, &line, &flags, at, left, isLast ? 1 : 0)
      guard used >= 0 else { return false }
      unsafe at += used
      left -= used
      let emitted = flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0
      if emitted { unsafe head.take(line.name, line.namelen, line.value, line.valuelen) }
      if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 {
        return unsafe nghttp2_hd_inflate_end_headers(inflater) == 0
      }
      if !emitted, left == 0 { return !isLast }
    }
  }

  mutating func free() {
    // Unlike free, it does not take nil.
    if let inflater = unsafe inflater { unsafe nghttp2_hd_inflate_del(inflater) }
    unsafe inflater = nil
  }
}
