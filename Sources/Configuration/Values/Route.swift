public import Proxy

/// Which requests go to which service.
public struct Route: Sendable, Equatable {
  /// Hosts, never empty.
  public var hosts: [Located<HostPattern>]
  /// Paths, never empty.
  public var paths: [Located<Settings.PathMatch>]
  /// What a request must be besides.
  public var match = Settings.RequestMatch()
  /// Name of a service that exists; empty where none is asked.
  public var service: Located<String>
  /// What is done with its requests; its field changes come after those for every route.
  public var rules = Settings.RouteRules()
  /// File of the keys of which a request must show one, one a line; absolute path, nil when none is asked for.
  public var keyFile: Located<String>?
  /// Who is let in besides; nil for everybody.
  public var auth: RouteAuth?
  /// Names of the groups of keys of which a request must show one; empty when none is asked for.
  public var keyGroups: [Located<String>] = []
  /// Which service gets a request by the model that its content asks for; empty not to look.
  public var models: [ModelRule] = []
  /// Services that share the requests, of which `service` is the first; empty where it has all.
  public var split: [ModelTarget] = []
  /// What keeps requests with one of them.
  public var splitKey = Settings.HashKey.session
  /// Files with content that it answers with.
  public var files = RouteFiles()
  /// Where it stands.
  public var origin: Origin
  /// Whether no service is asked.
  public var answersItself: Bool { rules.redirect != nil || rules.respond != nil }
}

/// Files with content that a route answers with; absolute paths.
public struct RouteFiles: Sendable, Equatable {
  /// What it answers with.
  public var respond: Located<String>?
  /// Errors, by status.
  public var errors: [Int: Located<String>] = [:]
  /// None.
  public init() {}
}

/// Where requests for some models go.
public struct ModelRule: Sendable, Equatable {
  /// Which models.
  public var pattern: Settings.ModelPattern
  /// Services that share the requests; none where the model is said not to exist.
  public var targets: [ModelTarget]
  /// Who has a request then where the one before has no answer.
  public var fallback: [ModelTarget] = []
  /// Every service that it names.
  public var services: [Located<String>] { (targets + fallback).map(\.service) }
}

/// A service that has a model.
public struct ModelTarget: Sendable, Equatable {
  /// Name of a service that exists.
  public var service: Located<String>
  /// What the backend is asked for in place of the client's name for it; nil for the same.
  public var model: String?
  /// Its share beside others.
  public var weight = 1
}
