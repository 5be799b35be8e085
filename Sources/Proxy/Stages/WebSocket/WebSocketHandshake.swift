internal import Exchange
internal import EventLoop
internal import Bytes
internal import HTTP
internal import PKI

/// The two handshakes of WebSocket: HTTP/1.1's Upgrade with its key (RFC 6455 §4) and extended CONNECT, which has
/// none (RFC 8441 §5). Where the two sides of an exchange differ the missing half is made here.
struct WebSocketHandshake: BitwiseCopyable {
  /// The client's Sec-WebSocket-Key, 24 characters of base64; all zero without one.
  private var key: (UInt64, UInt64, UInt64) = (0, 0, 0)
  private static let keyLength = 24
  private static let keyName: StaticString = "sec-websocket-key"
  private static let acceptName: StaticString = "sec-websocket-accept"
  private static let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

  /// No key so far.
  init() {}

  /// The key that a handshake of ours goes out with.
  init(key: [UInt8]) {
    guard key.count == Self.keyLength else { return }
    unsafe key.withUnsafeBytes { unsafe take($0) }
  }

  /// Whether a key has been seen.
  var hasKey: Bool { key.0 != 0 }

  /// Remembers a key, if that is what the line is.
  mutating func note(_ line: FieldLine, of base: UnsafePointer<UInt8>) {
    guard line.nameLength == 17, line.valueLength == Self.keyLength,
      unsafe FieldName.matches(base + Int(line.nameStart), Self.keyName)
    else { return }
    unsafe take(UnsafeRawBufferPointer(start: base + Int(line.valueStart), count: Self.keyLength))
  }

  private mutating func take(_ value: UnsafeRawBufferPointer) {
    key = unsafe (
      value.loadUnaligned(as: UInt64.self), value.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
      value.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
    )
  }

  /// Whether a backend's head has the one right Sec-WebSocket-Accept (RFC 6455 §4.1).
  func isAccepted(_ fields: borrowing FieldSection, _ base: UnsafePointer<UInt8>) -> Bool {
    guard let accept else { return false }
    let expected = Array(accept.utf8)
    var found = 0
    for i in 0..<fields.count {
      let line = unsafe fields.lines[i]
      guard unsafe ASCII.same(base + Int(line.nameStart), Int(line.nameLength), Self.acceptName) else {
        continue
      }
      let value = unsafe UnsafeBufferPointer(start: base + Int(line.valueStart), count: Int(line.valueLength))
      guard unsafe value.elementsEqual(expected) else { return false }
      found += 1
    }
    return found == 1
  }

  /// Sec-WebSocket-Accept for the key, or nil when hashing fails.
  var accept: String? {
    let bytes = unsafe withUnsafeBytes(of: key) { unsafe Array($0) } + Array(Self.guid.utf8)
    return (try? Digest.sha1(bytes)).map { Base64.encode($0) }
  }

  /// A fresh key (RFC 6455 §4.1).
  static func freshKey() -> String {
    var random = SystemRandomNumberGenerator()
    return Base64.encode((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &random) })
  }
}

/// WebSocket between clients and backends of different versions.
struct WebSocket: Stage {
  @inline(__always)
  func begin(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    guard exchange.wantsUpgrade else { return }
    for i in 0..<worker.desk.fields.count {
      unsafe exchange.webSocket.note(worker.desk.fields.lines[i], of: base)
    }
    // HTTP/2 has no other upgrade than this one (RFC 8441).
    if !exchange.isExtendedConnect, unsafe exchange.service?.pointee.isHTTP2 == true {
      exchange.wantsUpgrade = exchange.webSocket.hasKey
    }
  }

  @inline(__always)
  func writeRequest(
    _ worker: Worker, _ exchange: Ref<Exchange>, _: Ref<ClientConnection>, _ out: inout HeadWriter
  ) {
    if exchange.isExtendedConnect, unsafe exchange.service?.pointee.isHTTP2 == false {
      worker.writeWebSocketKey(&out, exchange)
    }
  }
}

extension Worker {
  /// The handshake of HTTP/1.1 needs a nonce that extended CONNECT has not (RFC 6455 §4.1).
  fileprivate func writeWebSocketKey(_ out: inout HeadWriter, _ exchange: Ref<Exchange>) {
    let key = Array(WebSocketHandshake.freshKey().utf8)
    exchange.webSocket = WebSocketHandshake(key: key)
    out.append("Sec-WebSocket-Key: ")
    out.append(key)
    out.append("\r\n")
  }

  /// An HTTP/2 backend has agreed to a tunnel: an HTTP/1.1 client is told so in its own way.
  func writeSwitch(
    _ out: inout HeadWriter, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>
  ) {
    out.append("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n")
    if let accept = exchange.webSocket.accept {
      out.append("Sec-WebSocket-Accept: ")
      out.append(Array(accept.utf8))
      out.append("\r\n")
    }
    for i in 0..<desk.fields.count
    where unsafe !desk.fields.lines[i].name.isHopByHop && desk.fields.lines[i].name != .contentLength {
      unsafe out.append(desk.fields.lines[i], of: base)
    }
    out.append("\r\n")
  }
}
