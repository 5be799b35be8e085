/// An address to listen on.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
  /// The IPv4 or IPv6 address; nil for all of the machine's.
  public let host: String?
  /// The port; 0 lets the system choose a free one.
  public let port: UInt16

  /// An address.
  public init(host: String?, port: UInt16) {
    self.host = host
    self.port = port
  }

  static func parse(_ text: String) throws(Invalid) -> ListenAddress {
    if decimal(text) != nil { throw Invalid("\(quoted(text)) is a port alone", "write :\(text)") }
    let (host, port) = try hostAndPort(text, example: ":443, 127.0.0.1:8443 or [::1]:443")
    if host.isEmpty || host == "*" { return ListenAddress(host: nil, port: port) }
    guard let address = IPAddress(host) else {
      let hint = host == "localhost" ? "write 127.0.0.1:\(port) or [::1]:\(port)" : "write an IP address"
      throw Invalid("\(quoted(text)) names a host; a listener needs an address", hint)
    }
    return ListenAddress(host: address.description, port: port)
  }

  /// `:443`, `127.0.0.1:8443`, `[::1]:443`
  public var description: String {
    let host = host ?? ""
    return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}

/// Where a backend is reached.
public enum BackendAddress: Sendable, Hashable, CustomStringConvertible {
  /// A host name or address, and a port.
  case tcp(host: String, port: UInt16)
  /// A Unix socket's absolute path.
  case unix(path: String)
  /// certd itself: its admin API, as far as that right goes.
  case admin(AdminRight)
  /// certd itself: the files of a directory, of a route with `root`.
  case files(directory: String)

  /// `10.0.0.11:8000`, `[2001:db8::1]:8000`, `unix:/run/vllm.sock`, `admin:page`
  public var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    case .admin(let right): "admin:\(right.rawValue)"
    case .files(let directory): "files:\(directory)"
    }
  }

  /// Whether it is a name rather than an address or a path.
  var isName: Bool {
    if case .tcp(let host, _) = self { IPAddress(host) == nil } else { false }
  }

  /// Whether it is on this machine for certain.
  var isLoopback: Bool {
    guard case .tcp(let host, _) = self else { return true }
    guard let address = IPAddress(host) else { return host == "localhost" || host.hasSuffix(".localhost") }
    return address.bytes.count == 4 ? address.bytes.first == 127 : address.description == "::1"
  }

  /// As a Host says it; the scheme's own port is left out.
  func authority(isSecure: Bool) -> String {
    guard case .tcp(_, let port) = self else { return "localhost" }
    let text = description
    return port == (isSecure ? 443 : 80) ? String(text.dropLast("\(port)".count + 1)) : text
  }
}

/// A backend's text taken apart: the scheme says whether TLS is spoken, none leaves it to `protocol`.
struct BackendText {
  let address: BackendAddress
  let scheme: ServiceProtocol?

  /// sun_path's size on Linux less its terminator.
  static let maximumSocketPathInBytes = 107

  /// A host and a port and nothing else.
  static func server(_ text: String) throws(Invalid) -> BackendAddress {
    try tcp(text, defaultPort: nil)
  }

  static func parse(_ text: String) throws(Invalid) -> BackendText {
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst(5))
      guard path.hasPrefix("/"), path.utf8.count <= maximumSocketPathInBytes else {
        throw Invalid("a unix backend needs an absolute path of at most \(maximumSocketPathInBytes) bytes")
      }
      return BackendText(address: .unix(path: path), scheme: nil)
    }
    if text.hasPrefix("admin:") {
      guard let right = AdminRight(rawValue: String(text.dropFirst(6))) else {
        throw Invalid("\(quoted(text)) is no right", "write admin:page, admin:read or admin:change")
      }
      return BackendText(address: .admin(right), scheme: .http1)
    }
    // Not quoted: what stands before an @ may be a password.
    if text.contains("@") { throw Invalid("a backend cannot hold a user name or password") }
    guard let separator = schemeEnd(text) else {
      return BackendText(address: try tcp(text, defaultPort: nil), scheme: nil)
    }
    let scheme = text[..<separator.lowerBound].lowercased()
    guard scheme == "http" || scheme == "https" else {
      throw Invalid("\(quoted(text)) has an unknown scheme", "write http:// or https://")
    }
    var authority = text[separator.upperBound...]
    if authority.hasSuffix("/") { authority = authority.dropLast() }
    if authority.contains(where: { $0 == "/" || $0 == "?" || $0 == "#" }) {
      throw Invalid("\(quoted(text)) has a path", "requests keep their own path; write scheme, host and port")
    }
    let isTLS = scheme == "https"
    return BackendText(
      address: try tcp(String(authority), defaultPort: isTLS ? 443 : 80), scheme: isTLS ? .https : .http1)
  }

  static func tcp(_ text: String, defaultPort: UInt16?) throws(Invalid) -> BackendAddress {
    if let defaultPort {
      if IPAddress(text)?.bytes.count == 4 { return .tcp(host: text, port: defaultPort) }
      if text.hasPrefix("["), text.hasSuffix("]"), let address = IPAddress(text.dropFirst().dropLast()) {
        return .tcp(host: address.description, port: defaultPort)
      }
      if !text.contains(":") { return .tcp(host: try HostName.parse(text), port: defaultPort) }
    }
    let (host, port) = try hostAndPort(text, example: "10.0.0.11:8000 or http://vllm:8000")
    guard !host.isEmpty else { throw Invalid("\(quoted(text)) names no host", "write 127.0.0.1:\(port)") }
    guard port > 0 else { throw Invalid("\(quoted(text)) has port 0") }
    return .tcp(host: try HostName.parse(host), port: port)
  }
}

/// Splits `host:port`; an IPv6 address stands in brackets, the host may be empty.
private func hostAndPort(_ text: String, example: String) throws(Invalid) -> (host: String, port: UInt16) {
  guard let colon = text.lastIndex(of: ":") else {
    throw Invalid("\(quoted(text)) has no port", "write \(example)")
  }
  guard let port = decimal(text[text.index(after: colon)...], maximum: 65_535) else {
    throw Invalid("\(quoted(text)) has no port from 0 to 65535", "write \(example)")
  }
  var host = text[..<colon]
  if host.hasPrefix("["), host.hasSuffix("]") {
    host = host.dropFirst().dropLast()
    guard IPAddress(host)?.bytes.count == 16 else {
      throw Invalid("\(quoted(text)) holds no IPv6 address in its brackets")
    }
  } else if host.contains(":") {
    throw Invalid("\(quoted(text)) is ambiguous", "put an IPv6 address in brackets: [::1]:443")
  }
  return (String(host), UInt16(port))
}

/// Where `://` stands.
private func schemeEnd(_ text: String) -> Range<String.Index>? {
  guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { return nil }
  return colon..<text.index(colon, offsetBy: 3)
}
