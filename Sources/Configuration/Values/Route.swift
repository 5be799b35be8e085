/// Which requests go to which service.
public struct Route: Sendable, Equatable {
  /// Hosts, never empty.
  public var hosts: [Located<HostPattern>]
  /// Paths, never empty.
  public var paths: [Located<PathPattern>]
  /// Name of a service that exists.
  public var service: Located<String>
  /// Field changes, after those for every route.
  public var headers: HeaderEdits
  /// Only clients that have proven who they are by a certificate are answered.
  public var needsClientCertificate = false
  /// File of the keys of which a request must show one, one a line; absolute path, nil when none is asked for.
  public var keyFile: Located<String>?
  /// What is taken off the path before the backend gets it; empty for nothing.
  public var stripPrefix = ""
  /// What is put before the path then; empty for nothing.
  public var addPrefix = ""
  /// Paths that could be said more plainly are refused.
  public var rejectsOddPaths = false
  /// What pages of other origins may do; nil to leave that to the backends.
  public var cors: CrossOriginRules?
  /// Which service gets a request by the model that its content asks for; empty not to look.
  public var models: [ModelRule] = []
  /// Where it stands.
  public var origin: Origin
}

/// Where requests for some models go.
public struct ModelRule: Sendable, Equatable {
  /// Which models.
  public var pattern: ModelPattern
  /// Name of a service that exists.
  public var service: Located<String>
  /// What the backend is asked for in place of the client's name for it; nil for the same.
  public var model: String?
}

/// What pages of other origins may do with a route (Fetch §3.2).
public struct CrossOriginRules: Sendable, Equatable {
  /// Origins as browsers write them, or `*` alone for all; never empty.
  public var origins: [String]
  /// Methods that preflights are told of.
  public var methods: [String]
  /// Request fields that preflights are told of; nil for those that each asks for.
  public var fields: [String]?
  /// Response fields that pages may read besides the safelisted ones.
  public var exposed: [String]
  /// Whether the browser's credentials may come.
  public var allowsCredentials: Bool
  /// How long a preflight's answer may be kept.
  public var maximumAge: Duration
}

/// Changes to the fields of requests and responses.
public struct HeaderEdits: Sendable, Equatable {
  /// On the way to the backend.
  public var request: FieldEdits
  /// On the way to the client.
  public var response: FieldEdits

  /// No changes.
  public static let none = HeaderEdits(request: .none, response: .none)
}

/// Changes to the fields of one message: removals first, then settings.
public struct FieldEdits: Sendable, Equatable {
  /// Fields that replace all of their name.
  public var settings: [FieldLine]
  /// Names whose fields are dropped.
  public var removals: [String]

  /// No changes.
  public static let none = FieldEdits(settings: [], removals: [])
  /// Whether nothing is changed.
  public var isEmpty: Bool { settings.isEmpty && removals.isEmpty }
}

/// A field to be set; its description leaves the value out, which may be a secret.
public struct FieldLine: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
  /// A token (RFC 9110 §5.1), as it was written.
  public var name: String
  /// A field value (RFC 9110 §5.5).
  public var value: String

  /// The name alone.
  public var description: String { "\(name): [redacted]" }
  /// The name alone.
  public var debugDescription: String { description }
}
