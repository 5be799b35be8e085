internal import HTTP

/// The conventional environment variables for an outgoing proxy: HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
///
/// HTTP_PROXY is read in lower case only, since a CGI request can set the upper-case one.
struct ProxyRules: Sendable {
  private let https: URL?
  private let http: URL?
  private let exceptions: [String]

  init(environment: [String: String]) {
    func url(_ names: [String]) -> URL? {
      for name in names {
        if let text = environment[name], !text.isEmpty {
          return URL(text.contains("://") ? text : "http://\(text)")
        }
      }
      return nil
    }
    https = url(["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
    http = url(["http_proxy"])
    exceptions = (environment["no_proxy"] ?? environment["NO_PROXY"] ?? "").split(separator: ",").map {
      var name = $0.filter { $0 != " " }.lowercased()
      if name.hasPrefix("*.") { name.removeFirst() }
      return name
    }
  }

  /// The proxy for a URL, or nil to go there directly. Loopback is never proxied.
  func proxy(for url: URL) -> URL? {
    let host = url.host
    if host == "localhost" || host == "::1" || host.hasPrefix("127.") { return nil }
    for exception in exceptions where !exception.isEmpty {
      if exception == "*" || host == exception { return nil }
      let suffix = exception.hasPrefix(".") ? exception : "." + exception
      if host.hasSuffix(suffix) { return nil }
    }
    return url.scheme == .https ? https : http
  }
}
