/// A token that somebody else obtained and that is used as it is.
public struct FixedToken: TokenSource {
  private let token: AccessToken

  /// A source of this one token.
  public init(_ token: AccessToken) { self.token = token }

  /// `a given token`
  public var description: String { "a given token" }
  /// The token.
  public func obtain() async throws(GCPError) -> AccessToken { token }
}
