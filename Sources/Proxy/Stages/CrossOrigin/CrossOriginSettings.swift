extension Settings {
  /// What pages of other origins may do with a route (Fetch §3.2, "CORS protocol").
  public struct CrossOrigin: Sendable, Equatable {
    /// Origins as browsers write them, or `*` alone for all.
    public var origins: [String]
    /// Methods that preflights are told of.
    public var methods: [String]
    /// Request fields that preflights are told of; nil for those that each asks for.
    public var fields: [String]?
    /// Response fields that pages may read besides the safelisted ones.
    public var exposed: [String]
    /// Whether cookies and other credentials of the browser may come.
    public var allowsCredentials: Bool
    /// How long a preflight's answer may be kept, in seconds.
    public var maximumAgeSeconds: Int

    /// Rules.
    public init(
      origins: [String], methods: [String], fields: [String]? = nil, exposed: [String] = [],
      allowsCredentials: Bool = false, maximumAgeSeconds: Int = 600
    ) {
      self.origins = origins
      self.methods = methods
      self.fields = fields
      self.exposed = exposed
      self.allowsCredentials = allowsCredentials
      self.maximumAgeSeconds = maximumAgeSeconds
    }
  }
}
