import CLinux

/// Name resolution by the system's resolver.
public enum Resolver {
  /// The most addresses that are told of one host.
  static let maximumAddresses = 256

  /// The addresses of a host in the resolver's order (RFC 6724), at most 256. Blocks: call it off the cooperative pool.
  /// Throws `SystemError` with call `getaddrinfo`.
  public static func resolve(host: String, port: UInt16) throws(SystemError) -> [SocketAddress] {
    if let literal = SocketAddress(host: host, port: port) { return [literal] }
    guard !host.utf8.contains(0) else {
      throw SystemError(call: "getaddrinfo", code: EINVAL, subject: "a host name with a NUL byte")
    }
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_ADDRCONFIG
    var list: UnsafeMutablePointer<addrinfo>?
    let status = unsafe getaddrinfo(host, nil, &hints, &list)
    defer { if unsafe list != nil { unsafe freeaddrinfo(list) } }
    guard status == 0 else {
      let reason = unsafe String(cString: gai_strerror(status))
      throw SystemError(
        call: "getaddrinfo", code: status == EAI_SYSTEM ? certd_errno() : ENOENT,
        subject: host, reason: reason)
    }
    var found: [SocketAddress] = []
    var next = unsafe list
    while let entry = unsafe next?.pointee, found.count < maximumAddresses {
      if let raw = unsafe entry.ai_addr, var address = unsafe SocketAddress(raw, length: entry.ai_addrlen) {
        address.port = port
        found.append(address)
      }
      unsafe next = unsafe entry.ai_next
    }
    guard !found.isEmpty else { throw SystemError(call: "getaddrinfo", code: ENOENT, subject: host) }
    return found
  }
}
