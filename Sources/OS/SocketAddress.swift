public import CLinux

/// An IPv4, IPv6 or Unix-domain address as the kernel wants it.
public struct SocketAddress: @unchecked Sendable {
  /// The kernel's structure; only the first `length` bytes count. First, so that a pointer to it serves both.
  public var storage = sockaddr_storage()
  /// Bytes of `storage` in use.
  public var length: socklen_t = 0

  /// No address: room to be filled by accept.
  @inlinable
  public init() {}

  /// AF_INET, AF_INET6 or AF_UNIX.
  @inlinable
  public var family: Int32 { Int32(storage.ss_family) }

  /// An address from a literal IPv4 or IPv6 host, without brackets, or nil; never asks a resolver.
  public init?(host: String, port: UInt16) {
    // C would stop reading at it.
    guard !host.utf8.contains(0) else { return nil }
    var v4 = sockaddr_in()
    if unsafe inet_pton(AF_INET, host, &v4.sin_addr) == 1 {
      v4.sin_family = sa_family_t(AF_INET)
      v4.sin_port = port.bigEndian
      self.init(copying: &v4, family: AF_INET)
      return
    }
    var v6 = sockaddr_in6()
    guard unsafe inet_pton(AF_INET6, host, &v6.sin6_addr) == 1 else { return nil }
    v6.sin6_family = sa_family_t(AF_INET6)
    v6.sin6_port = port.bigEndian
    self.init(copying: &v6, family: AF_INET6)
  }

  /// An address from the 4 or 16 bytes of an IP address in network order; nil for any other number of bytes.
  public init?(ipBytes: some Collection<UInt8>, port: UInt16) {
    switch ipBytes.count {
    case 4:
      var v4 = sockaddr_in()
      unsafe withUnsafeMutableBytes(of: &v4.sin_addr) { unsafe $0.copyBytes(from: ipBytes) }
      v4.sin_family = sa_family_t(AF_INET)
      v4.sin_port = port.bigEndian
      self.init(copying: &v4, family: AF_INET)
    case 16:
      var v6 = sockaddr_in6()
      unsafe withUnsafeMutableBytes(of: &v6.sin6_addr) { unsafe $0.copyBytes(from: ipBytes) }
      v6.sin6_family = sa_family_t(AF_INET6)
      v6.sin6_port = port.bigEndian
      self.init(copying: &v6, family: AF_INET6)
    default: return nil
    }
  }

  /// The address of a Unix-domain socket, or nil when the path is empty or too long for the kernel (107 bytes).
  public init?(unixPath path: String) {
    var unix = sockaddr_un()
    let bytes = Array(path.utf8)
    guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: unix.sun_path), !bytes.contains(0) else {
      return nil
    }
    unix.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &unix.sun_path) { unsafe $0.copyBytes(from: bytes) }
    self.init(copying: &unix, family: AF_UNIX)
  }

  /// An address out of a resolver's answer.
  init?(_ raw: UnsafePointer<sockaddr>, length: socklen_t) {
    guard Int(length) <= MemoryLayout<sockaddr_storage>.size else { return nil }
    self.length = length
    unsafe withUnsafeMutableBytes(of: &storage) {
      unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: raw, count: Int(length)))
    }
  }

  private init<T>(copying value: inout T, family: Int32) {
    length = socklen_t(MemoryLayout<T>.size)
    unsafe withUnsafeBytes(of: &value) { source in
      unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.copyMemory(from: source) }
    }
  }

  /// The port, 0 for a Unix-domain address.
  public var port: UInt16 {
    get {
      unsafe withUnsafeBytes(of: storage) { bytes in
        unsafe family == AF_UNIX ? 0 : UInt16(bytes[2]) << 8 | UInt16(bytes[3])
      }
    }
    set {
      guard family != AF_UNIX else { return }
      unsafe withUnsafeMutableBytes(of: &storage) { bytes in
        unsafe bytes[2] = UInt8(newValue >> 8)
        unsafe bytes[3] = UInt8(newValue & 255)
      }
    }
  }

  /// The IP address in network order, 4 or 16 bytes (an IPv4-mapped IPv6 address as its 4), empty for Unix.
  public var ipBytes: [UInt8] {
    unsafe withUnsafeBytes(of: storage) { bytes in
      switch family {
      case AF_INET: return unsafe Array(bytes[4..<8])
      case AF_INET6:
        let ip = unsafe Array(bytes[8..<24])
        let mapped = ip[0..<10].allSatisfy { $0 == 0 } && ip[10] == 255 && ip[11] == 255
        return mapped ? Array(ip[12...]) : ip
      default: return []
      }
    }
  }

  /// The longest text that `writeHost` writes, in bytes.
  public static let maximumHostLength = 46

  /// Writes the IP address as text without port or brackets; an IPv4-mapped address as IPv4. Returns its length.
  public func writeHost(to out: UnsafeMutablePointer<UInt8>) -> Int {
    unsafe withUnsafeBytes(of: storage) { bytes in
      guard let base = bytes.baseAddress else { return 0 }
      var source = unsafe base + 4
      var kind = AF_INET
      if family == AF_INET6 {
        let mapped = unsafe memcmp(base + 8, Self.mappedPrefix, 12) == 0
        unsafe source = unsafe base + (mapped ? 20 : 8)
        kind = mapped ? AF_INET : AF_INET6
      } else if family != AF_INET {
        return 0
      }
      return unsafe out.withMemoryRebound(to: CChar.self, capacity: Self.maximumHostLength) { text in
        unsafe inet_ntop(kind, source, text, socklen_t(Self.maximumHostLength)) == nil ? 0 : strlen(text)
      }
    }
  }

  private static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]

  /// The IP address as text; the path for a Unix-domain address.
  public var host: String {
    if family == AF_UNIX {
      return unsafe withUnsafeBytes(of: storage) { bytes in
        unsafe String(decoding: bytes[2..<Int(length)].prefix { $0 != 0 }, as: UTF8.self)
      }
    }
    return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.maximumHostLength) { out in
      guard let base = out.baseAddress else { return "" }
      let n = unsafe writeHost(to: base)
      return unsafe String(decoding: UnsafeBufferPointer(start: base, count: n), as: UTF8.self)
    }
  }
}

extension SocketAddress: CustomStringConvertible {
  /// `127.0.0.1:80`, `[::1]:80` or `unix:/path`.
  public var description: String {
    switch family {
    case AF_UNIX: return "unix:\(host)"
    case AF_INET6 where host.contains(":"): return "[\(host)]:\(port)"
    default: return "\(host):\(port)"
    }
  }
}
