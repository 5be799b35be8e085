public import Upstream

/// Who is let in by name and password.
public struct BasicAuthSettings: Sendable, Equatable {
  /// File of users; absolute path.
  public var users = Located("")
  /// What browsers show as the place.
  public var realm = "certd"
  /// A field that tells backends the user's name; nil for none.
  public var userHeader: String?
  /// Nobody yet.
  public init() {}
}

/// A server that says who is let in.
public struct ForwardAuthSettings: Sendable, Equatable {
  /// Where it is.
  public var url = Located("")
  /// Fields of the client that it is sent; nil for all.
  public var requestHeaders: [String]?
  /// Fields of its answer that backends get.
  public var responseHeaders: [String] = []
  /// How long its answer may take.
  public var timeout: Milliseconds = 5000
  /// Nobody yet.
  public init() {}
}

/// Who is let in besides those with keys.
public enum RouteAuth: Sendable, Equatable {
  /// Users with passwords.
  case basic(BasicAuthSettings)
  /// Whoever a server says.
  case forward(ForwardAuthSettings)
}
