internal import HTTP

/// The conventional environment variables for an outgoing proxy: HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
///
/// HTTP_PROXY is read in lower case only, since a CGI request can set the upper-case one.
struct ProxyRules: Sendable {
  private enum Setting {
    case none
    case proxy(URL)
    /// The variable's name: its value may hold a password.
    case unusable(String)
  }

  private let https: Setting
  private let http: Setting
  private let exceptions: [String]

  init(environment: [String: String]) {
    func setting(_ names: [String]) -> Setting {
      for name in names {
        if let text = environment[name], !text.isEmpty {
          let url = URL(text.contains("://") ? text : "http://\(text)")
          return url.map { $0.scheme == .http ? .proxy($0) : .unusable(name) } ?? .unusable(name)
        }
      }
      return .none
    }
    https = setting(["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
    http = setting(["http_proxy"])
    exceptions = (environment["no_proxy"] ?? environment["NO_PROXY"] ?? "").split(separator: ",").map {
      var name = $0.filter { $0 != " " }.lowercased()
      if name.hasPrefix("*.") { name.removeFirst() }
      return name
    }
  }

  /// The proxy for a URL, or nil to go there directly. Loopback and link-local addresses are never proxied.
  ///
  /// Throws when the proxy that is set cannot be used: going round it is not what was asked for.
  func proxy(for url: URL) throws(HTTPClientError) -> URL? {
    let host = url.host
    if host == "localhost" || host == "::1" || host.hasPrefix("127.") { return nil }
    // What a provider tells a machine of itself is link-local: nobody else is to see it.
    if host.hasPrefix("169.254.") || host.hasPrefix("fd00:ec2:") || host.hasPrefix("fe80:") { return nil }
    for exception in exceptions where !exception.isEmpty {
      if exception == "*" || host == exception { return nil }
      let suffix = exception.hasPrefix(".") ? exception : "." + exception
      if host.hasSuffix(suffix) { return nil }
    }
    switch url.scheme == .https ? https : http {
    case .none: return nil
    case .proxy(let proxy): return proxy
    case .unusable(let name):
      throw HTTPClientError(.connect, "\(name) is not the http:// URL of a proxy without user name")
    }
  }
}
