internal import OS

/// The PROXY protocol, versions 1 and 2: how a proxy before us, or we before a backend, tells who the client is.
///
/// It reads no socket and trusts nobody: whether a peer may be believed is decided before it is asked. It promises
/// to survive any bytes, to look at no more than `maximumHeaderBytes` of them, and to tell exactly where the
/// header ends. (The specification is HAProxy's `doc/proxy-protocol.txt`.)
public enum ProxyProtocol {
  /// A version of the header.
  public enum Version: UInt8, Sendable, CaseIterable {
    /// One line of text.
    case v1 = 1
    /// Binary.
    case v2 = 2
  }

  /// The two addresses of a connection; both of one family.
  struct Ends {
    /// The client.
    var source: SocketAddress
    /// What the client has connected to.
    var destination: SocketAddress
  }

  /// What the first bytes of a connection are.
  enum Reading {
    /// The beginning of a header.
    case incomplete
    /// A header of so many bytes; `ends` is nil when it leaves the connection's own addresses in force.
    case header(length: Int, ends: Ends?)
    /// No header, or a broken one.
    case malformed(StaticString)
  }

  /// The longest header that is taken, in bytes, with all its additional fields (TLVs). Version 2 could be longer;
  /// what is in use takes a few hundred.
  static let maximumHeaderBytes = 4096
  /// The longest line of version 1, in bytes, with its CRLF.
  static let maximumLineBytes = 107

  static let signature: [UInt8] = [
    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
  ]
  private static let word = Array("PROXY ".utf8)

  /// Reads a header from the first bytes of a connection.
  static func read(_ bytes: UnsafeBufferPointer<UInt8>) -> Reading {
    guard let first = unsafe bytes.first else { return .incomplete }
    let expected = first == signature[0] ? signature : word
    let seen = min(bytes.count, expected.count)
    guard unsafe bytes[..<seen].elementsEqual(expected[..<seen]) else { return .malformed("no PROXY header") }
    guard seen == expected.count else { return .incomplete }
    return unsafe expected.count == signature.count ? readBinary(bytes) : readLine(bytes)
  }

  // MARK: Version 1

  private static func readLine(_ bytes: UnsafeBufferPointer<UInt8>) -> Reading {
    let limit = min(bytes.count, maximumLineBytes)
    guard let end = unsafe bytes[..<limit].firstIndex(of: 0x0D) else {
      return limit < maximumLineBytes ? .incomplete : .malformed("the line is too long")
    }
    guard end + 1 < maximumLineBytes else { return .malformed("the line is too long") }
    guard end + 1 < bytes.count else { return .incomplete }
    guard unsafe bytes[end + 1] == 0x0A else { return .malformed("a carriage return stands alone") }
    let parts = unsafe bytes[word.count..<end].split(separator: 0x20, omittingEmptySubsequences: false)
    // Whatever follows UNKNOWN is to be ignored.
    if unsafe parts[0].elementsEqual("UNKNOWN".utf8) { return .header(length: end + 2, ends: nil) }
    let isV4 = unsafe parts[0].elementsEqual("TCP4".utf8)
    guard unsafe isV4 || parts[0].elementsEqual("TCP6".utf8) else { return .malformed("an unknown protocol") }
    guard unsafe parts.count == 5 else { return .malformed("not five fields") }
    guard let sourcePort = unsafe port(parts[3]), let destinationPort = unsafe port(parts[4]) else {
      return .malformed("a port is not a number")
    }
    guard let source = unsafe address(parts[1], sourcePort, isV4: isV4),
      let destination = unsafe address(parts[2], destinationPort, isV4: isV4)
    else { return .malformed("an address is not one of its family") }
    return .header(length: end + 2, ends: Ends(source: source, destination: destination))
  }

  /// Decimal without leading zeros.
  private static func port(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> UInt16? {
    guard unsafe (1...5).contains(digits.count), unsafe digits.count == 1 || digits.first != 0x30 else {
      return nil
    }
    var value = 0
    for index in unsafe digits.indices {
      let digit = unsafe digits[index]
      guard (0x30...0x39).contains(digit) else { return nil }
      value = value * 10 + Int(digit - 0x30)
    }
    return UInt16(exactly: value)
  }

  private static func address(_ text: Slice<UnsafeBufferPointer<UInt8>>, _ port: UInt16, isV4: Bool)
    -> SocketAddress?
  {
    // A colon tells the families apart; everything else is the address parser's business.
    guard unsafe text.contains(0x3A) != isV4 else { return nil }
    return unsafe SocketAddress(host: String(decoding: text, as: UTF8.self), port: port)
  }

  // MARK: Version 2

  /// The part of version 2 that is always there, in bytes.
  private static let fixedBytes = 16

  private static func readBinary(_ bytes: UnsafeBufferPointer<UInt8>) -> Reading {
    guard bytes.count >= fixedBytes else { return .incomplete }
    let (command, family, transport) = unsafe (bytes[12] & 0x0F, bytes[13] >> 4, bytes[13] & 0x0F)
    guard unsafe bytes[12] >> 4 == 2 else { return .malformed("an unknown version") }
    guard command <= 1 else { return .malformed("an unknown command") }
    let length = unsafe Int(bytes[14]) << 8 | Int(bytes[15])
    guard fixedBytes + length <= maximumHeaderBytes else { return .malformed("the header is too long") }
    // LOCAL: the sender speaks for itself, a health check for instance; its addresses mean nothing.
    let isLocal = command == 0
    let needed: Int
    switch family {
    case 0: needed = 0
    case 1: needed = 12
    case 2: needed = 36
    case 3: needed = 216
    default: return .malformed("an unknown address family")
    }
    guard transport <= 2 else { return .malformed("an unknown transport") }
    guard isLocal || length >= needed else { return .malformed("the addresses do not fit the length") }
    guard bytes.count >= fixedBytes + length else { return .incomplete }
    let total = fixedBytes + length
    // Paths of Unix sockets and datagrams say nothing about an IP client: the connection's own address stays.
    guard !isLocal, transport == 1, family == 1 || family == 2 else {
      return .header(length: total, ends: nil)
    }
    let size = family == 1 ? 4 : 16
    let block = unsafe bytes[fixedBytes..<fixedBytes + needed]
    let ports = unsafe block.startIndex + 2 * size
    func port(_ at: Int) -> UInt16 { unsafe UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1]) }
    guard
      let source = unsafe SocketAddress(ipBytes: block.prefix(size), port: port(ports)),
      let destination = unsafe SocketAddress(
        ipBytes: block.dropFirst(size).prefix(size), port: port(ports + 2))
    else { return .malformed("the addresses do not fit the length") }
    return .header(length: total, ends: Ends(source: source, destination: destination))
  }
}
