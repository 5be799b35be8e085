internal import EventLoop
internal import Upstream

// The Host that an attempt's backend gets in place of the client's.
extension Worker {
  private static let name: StaticString = "Host: "

  /// Writes the Host of the attempt's backend into the head that waits in the client's buffer, where there is one of
  /// its own. Called before any of the head has been sent.
  func writeHost(_ exchange: Ref<Exchange>, _ pool: Unmanaged<BackendPool>) {
    guard let client = exchange.client, let buffer = unsafe client.buffer, let route = unsafe exchange.route,
      unsafe !route.pointee.setsHost
    else { return }
    unsafe pool._withUnsafeGuaranteedRef { pool in
      let head = unsafe buffer + client.start
      // The head is ours: a request line, and the Host right after it.
      guard let line = unsafe Self.lineEnd(head, exchange.requestHeadLength),
        let end = unsafe Self.lineEnd(head + line, exchange.requestHeadLength - line)
      else { return }
      let prefix = Self.name.utf8CodeUnitCount
      let longer = prefix + pool.host.count + 2 - end
      guard client.start >= longer else { return }
      unsafe (head - longer).update(from: head, count: line)
      let place = unsafe head - longer + line
      unsafe place.update(from: Self.name.utf8Start, count: prefix)
      unsafe pool.host.withUnsafeBufferPointer { host in
        if let start = host.baseAddress { unsafe (place + prefix).update(from: start, count: host.count) }
      }
      unsafe place[prefix + pool.host.count] = 0x0D
      unsafe place[prefix + pool.host.count + 1] = 0x0A
      client.start -= longer
      client.sent = client.start
      exchange.requestHeadLength += longer
    }
  }

  /// Where the line after the first one begins.
  private static func lineEnd(_ text: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int? {
    for i in 0..<max(0, count) where unsafe text[i] == 0x0A { return i + 1 }
    return nil
  }
}
