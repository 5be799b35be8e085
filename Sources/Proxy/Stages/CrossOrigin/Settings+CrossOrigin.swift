public import Upstream

extension Settings {
  /// What pages of other origins may do with a route (Fetch §3.2, "CORS protocol"). Fields have the names of the keys under `routes[].cors`.
  public struct CrossOrigin: Sendable, Equatable {
    /// Origins as browsers write them, or `*` alone for all.
    public var origins: [String] = []
    /// Methods that preflights are told of.
    public var methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    /// Request fields that preflights are told of; nil for those that each asks for.
    public var headers: [String]?
    /// Response fields that pages may read besides the safelisted ones.
    public var expose: [String] = []
    /// Whether cookies and other credentials of the browser may come.
    public var credentials = false
    /// How long a preflight's answer may be kept; browsers are told whole seconds.
    public var maxAge: Milliseconds = 600_000

    /// The defaults, for no origin yet.
    public init() {}
  }
}
