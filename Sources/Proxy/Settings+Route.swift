public import HTTP

extension Settings {
  /// What is done with a route's requests. Fields have the names of the keys under `routes[]` that they are read from, and
  /// their initial values are what holds where the file says nothing.
  public struct RouteRules: Sendable, Equatable {
    /// Changes to fields on the way in and out.
    public var headers = FieldEdits()
    /// What is taken off the path before the backend gets it; empty for nothing.
    public var stripPrefix = ""
    /// What is put before the path then; empty for nothing.
    public var addPrefix = ""
    /// What is done with paths that could be said more plainly (RFC 3986 §6.2.2); nil to let them go on as they came.
    public var normalize: Normalization?
    /// Whether only clients are answered that have proven who they are by a certificate; nil for everybody.
    public var clientCertificate: ClientCertificate?
    /// A field that names the model, so that the content need not; nil to look at none.
    public var modelHeader: String?
    /// What the path begins with where the part behind it names the model; both are taken off. Empty for nothing.
    public var modelPath = ""
    /// What stands in place of the path, which may have the variables of the route's; nil for the client's.
    public var rewritePath: String?
    /// Where clients are sent instead; nil for nowhere.
    public var redirect: Redirect?
    /// What is answered by certd itself; nil to ask a backend.
    public var respond: DirectAnswer?
    /// How much of it clients may use.
    public var limits = RouteLimits()
    /// What holds in place of what the services say.
    public var overrides = ServiceOverrides()
    /// Content of errors that certd answers with, by status.
    public var errors: [Int: Page] = [:]
    /// Whether backends' answers with such a status have that content too.
    public var interceptErrors = false
    /// What pages of other origins may do; nil to leave that to the backends.
    public var cors: CrossOrigin?
    /// The defaults.
    public init() {}
  }

  /// What is done with a path that could be said more plainly.
  public enum Normalization: Sendable, CaseIterable {
    /// It is refused.
    case reject
  }

  /// What a route wants of a client's certificate.
  public enum ClientCertificate: Sendable, CaseIterable {
    /// Nobody is answered without.
    case required
  }

  /// How a path is compared, its query left out.
  public enum PathMatch: Sendable, Hashable, CustomStringConvertible {
    /// The whole path.
    case exact(String)
    /// Everything that begins so: `/v1/*` is the prefix `/v1/` and does not cover `/v1`.
    case prefix(String)
    /// As it is written, with any segment for each variable: `/v1/models/{model}`, `/tenants/{name}/*`.
    case template(String)

    /// As it is written: `/health`, `/v1/*`.
    public var description: String {
      switch self {
      case .exact(let path), .template(let path): path
      case .prefix(let path): "\(path)*"
      }
    }
  }

  /// Changes to the fields of requests and responses. Content-Length and Transfer-Encoding say where content ends: what is
  /// asked for them here is not done.
  public struct FieldEdits: Sendable, Equatable {
    /// On the way to the backend.
    public var request = MessageEdits()
    /// On the way to the client.
    public var response = MessageEdits()
    /// No changes.
    public init() {}

    /// These, made after `others`.
    public func after(_ others: FieldEdits) -> FieldEdits {
      var all = FieldEdits()
      all.request = request.after(others.request)
      all.response = response.after(others.response)
      return all
    }
  }

  /// Changes to the fields of one message: removals first, then settings. Its description leaves values out, which may be
  /// secrets.
  public struct MessageEdits: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
    /// Fields that replace all of their name.
    public var set: [Fields.Field] = []
    /// Fields that stand beside those that are there.
    public var add: [Fields.Field] = []
    /// Names whose fields are dropped.
    public var remove: [String] = []
    /// No changes.
    public init() {}

    /// These, made after `others`: what both speak of is as these say.
    func after(_ others: MessageEdits) -> MessageEdits {
      func same(_ a: String, _ b: String) -> Bool { a.lowercased() == b.lowercased() }
      var all = others
      all.set.removeAll { old in remove.contains { same($0, old.name) } }
      all.set.removeAll { old in set.contains { same($0.name, old.name) } }
      all.remove += remove.filter { new in !others.remove.contains { same($0, new) } }
      all.set += set
      all.add.removeAll { old in (remove + set.map(\.name)).contains { same($0, old.name) } }
      all.add += add
      return all
    }

    /// The names alone.
    public var description: String { "set \(set.map(\.name)), add \(add.map(\.name)), remove \(remove)" }
    /// The names alone.
    public var debugDescription: String { description }
  }
}
