/// Where things stand in a pooled buffer: headroom, into which a rewritten head may grow, then room for what is received,
/// then a tail for the end of a chunk. Sizes in bytes.
enum Layout {
  /// Before what is received.
  static let headroom = 4096 + ClientIdentity.maximumBytes
  /// For what is received.
  static let room = 64 * 1024
  /// Where that room ends.
  static let full = headroom + room
  /// The whole.
  static let size = full + 64
}
