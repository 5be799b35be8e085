import TestPeers

extension Wire {
  /// Reads frames up to the next request's HEADERS, as a backend does; its stream, nil at the end.
  func readStreamHead() -> UInt32? {
    while true {
      let head = read(exactly: 9)
      guard head.count == 9 else { return nil }
      _ = read(exactly: Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2]))
      guard head[3] == Frame.Kind.headers else { continue }
      return head[5...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
  }
}
