import Bytes
public import PKI
import Synchronization
import TestPeers
import TestSupport

// FakeGoogle: the parts of Google Cloud that certd talks to, in the process of a test.
//
// It does not carry traffic, issue managed certificates or know billing, IAM policies and networks. It promises
// what Google's documents say of the calls it serves: see `FieldTable` for bodies, `Collection` for calls. One
// port serves Compute v1, Certificate Manager v1, Public CA v1, the token endpoints and the metadata server.

/// A stand-in for Google's APIs on a free port of the loopback address. Gone with its last reference.
public final class FakeGoogle: Sendable {
  /// How it behaves; may be changed at any time.
  public struct Settings: Sendable {
    /// The project it has.
    public var project = "demo-project"
    /// The regions it has.
    public var regions = ["us-central1", "europe-west1"]
    /// Looks at an operation until it is done; 0 is done in the answer to the call that begins it.
    public var pollsUntilDone = 1
    /// Permissions that the caller lacks.
    public var denied: Set<String> = []
    /// The only permissions that the caller has; nil for all.
    public var allowed: Set<String>?
    /// Most resources by metric, `SSL_CERTIFICATES` for instance.
    public var quotas: [String: Int] = [:]
    /// Most resources of a metric that is not in `quotas`.
    public var defaultQuota = 100
    /// Most items of a list in one answer.
    public var pageSize = 500
    /// Seconds that a token is good for.
    public var tokenLifetime: Int64 = 3600
    /// Whether it answers as a metadata server.
    public var hasMetadata = true

    /// The usual behaviour.
    public init() {}
  }

  /// A call that was made.
  public struct Call: Sendable {
    /// Its method.
    public let method: String
    /// Its path without the query.
    public let path: String
    /// Its query.
    public let query: [String: String]
    /// Its body, keys and secrets replaced by `redacted`.
    public let body: JSON
    /// The answer's status; 0 when the connection was cut before.
    public let status: Int
    /// Whether it asks for a change of the APIs' resources.
    public var isWrite: Bool {
      isAPI && method != "GET" && !path.hasSuffix("/wait") && !path.hasSuffix("/listNetworkEndpoints")
        && !path.hasSuffix("/validate")
    }
    /// Whether it went to one of the APIs, not to a token endpoint or the metadata server.
    public var isAPI: Bool { FakeGoogle.isAPI(path) }
  }

  /// The certificates of all target proxies after a change.
  public struct Moment: Sendable {
    /// The change.
    public let cause: String
    /// Links by the proxy's path.
    public let certificates: [String: [String]]
  }

  /// Everything kept at one moment.
  public struct Snapshot: Sendable {
    let world: World
  }

  struct State: Sendable {
    var world: World
    var tokens = Tokens()
    var faults = Faults()
    var journal: [Call] = []
  }

  /// The account that its credentials are for.
  public static let serviceAccount = "certd@demo-project.iam.gserviceaccount.com"
  /// The key of that account: one for all tests of a process, since making one takes long.
  public static let accountKey: PrivateKey? = try? PrivateKey.generate(.rsa2048)

  let state: Mutex<State>
  private let server: LocalServer

  /// Begins to serve.
  public init(_ settings: Settings = Settings()) throws {
    let box = WeakBox()
    state = Mutex(State(world: World(settings: settings)))
    server = try LocalServer { connection in Exchange.serve(connection, for: box) }
    box.set(self)
  }

  /// `http://127.0.0.1:port`, the base of every endpoint.
  public var url: String { server.url("") }

  // MARK: Behaviour

  /// Changes how it behaves.
  public func configure(_ change: (inout Settings) -> Void) {
    state.withLock { change(&$0.world.settings) }
  }

  /// Adds a mishap.
  public func add(_ fault: Fault) { state.withLock { $0.faults.list.append(fault) } }

  /// Cuts every connection from then on, as if the client had been killed: so many API calls are served first,
  /// the last of them with or without its answer.
  public func cut(after calls: Int, lastIsAnswered: Bool = true) {
    state.withLock {
      $0.faults.callsLeft = calls
      $0.faults.lastIsAnswered = lastIsAnswered
    }
  }

  /// Ends the cut and all mishaps; operations under way go on as they were, or are done.
  public func recover(settled: Bool = false) {
    state.withLock {
      $0.faults = Faults()
      if settled { $0.world.settle() }
    }
  }

  /// Every token given so far is refused from now on.
  public func expireTokens() { state.withLock { $0.tokens.known = [:] } }

  /// A token, for calls made by hand.
  public func token() -> String { state.withLock { $0.tokens.make(lifetime: 3600) } }

  // MARK: What happened

  /// Every call, in order.
  public var journal: [Call] { state.withLock { $0.journal } }
  /// The calls that ask for a change.
  public var writes: [Call] { journal.filter(\.isWrite) }
  /// Forgets the journal.
  public func clearJournal() { state.withLock { $0.journal = [] } }
  /// The permissions that the calls so far needed.
  public var permissionsUsed: Set<String> { state.withLock { $0.world.permissionsUsed } }
  /// How many tokens were given.
  public var tokensGiven: Int { state.withLock { $0.tokens.given } }
  /// Moments when a proxy lost its valid certificate for a name that it had covered; should be empty.
  public var problems: [String] { state.withLock { $0.world.coverage.problems } }
  /// The certificates of the proxies after each change.
  public var history: [Moment] { state.withLock { $0.world.coverage.history } }
  /// Forgets what the proxies have covered, so that a name may be given up.
  public func forgetCoverage() { state.withLock { $0.world.coverage = Coverage() } }

  // MARK: What it keeps

  /// Everything it keeps now; not the journal, the tokens and the mishaps.
  public func snapshot() -> Snapshot { state.withLock { Snapshot(world: $0.world) } }

  /// Puts everything back; the settings stay as they are.
  public func restore(_ snapshot: Snapshot) {
    state.withLock {
      let settings = $0.world.settings
      $0.world = snapshot.world
      $0.world.settings = settings
    }
  }

  /// A Compute resource by its path below the project, `global/sslCertificates/x`, as a get answers it.
  public subscript(path: String) -> JSON? {
    state.withLock { $0.world.view("projects/\($0.world.project)/\(path)") }
  }

  /// A Certificate Manager resource by its path below the project, `locations/global/certificates/x`.
  public func managed(_ path: String) -> JSON? {
    state.withLock { $0.world.managerView("projects/\($0.world.project)/\(path)") }
  }

  /// The paths below the project of everything kept, in order: of one collection, or of all.
  public func paths(_ collection: String? = nil) -> [String] {
    state.withLock { state in
      let prefix = "projects/\(state.world.project)/"
      return (Array(state.world.compute.keys) + state.world.manager.keys)
        .filter { collection == nil || World.collection(of: $0) == collection }
        .map { String($0.dropFirst(prefix.count)) }.sorted()
    }
  }

  /// The endpoints of a network endpoint group.
  public func endpoints(_ path: String) -> [JSON] {
    state.withLock { $0.world.compute["projects/\($0.world.project)/\(path)"]?.endpoints ?? [] }
  }

  /// The operations that are not done.
  public var pendingCount: Int { state.withLock { $0.world.pending.count } }

  /// Makes a Compute resource at once, with the checks that a call meets: `seed("global/urlMaps", ["name": …])`.
  /// Throws what Google would have answered.
  public func seed(_ parent: String, _ body: JSON) throws {
    try apply("POST", parent, body)
  }

  /// Does a Compute call at once, without a token: `apply("DELETE", "global/urlMaps/x")`.
  public func apply(_ method: String, _ path: String, _ body: JSON = [:]) throws {
    let error: String? = state.withLock { state in
      let (settings, used) = (state.world.settings, state.world.permissionsUsed)
      state.world.settings.pollsUntilDone = 0
      state.world.settings.denied = []
      state.world.settings.allowed = nil
      defer {
        state.world.settings = settings
        state.world.permissionsUsed = used
      }
      let parts =
        ["compute", "v1", "projects", settings.project] + path.split(separator: "/").map(String.init)
      guard let call = ComputeCall(method: method, path: parts, query: [:], body: body) else {
        return "there is no call \(method) \(path)"
      }
      do throws(Failure) {
        let answer = try state.world.serve(call)
        return answer?["error"]?.text
      } catch { return error.message }
    }
    if let error { throw Refused(message: error) }
  }

  /// Changes what it keeps of a Compute resource, without any check.
  public func tamper(_ path: String, _ change: (inout JSON) -> Void) {
    state.withLock { state in
      let key = "projects/\(state.world.project)/\(path)"
      guard var resource = state.world.compute[key] else { return }
      change(&resource.body)
      resource.version += 1
      state.world.compute[key] = resource
      state.world.look("tamper \(key)")
    }
  }

  /// What a seed met.
  public struct Refused: Error, CustomStringConvertible {
    /// Google's words.
    public let message: String
    /// Google's words.
    public var description: String { message }
  }

  static func isAPI(_ path: String) -> Bool {
    path.hasPrefix("/compute/v1/") || path.hasPrefix("/dns/v1/")
      || path.hasPrefix("/v1/projects/") && !path.contains("/serviceAccounts/")
  }
}

/// Lets connections reach a stand-in that they do not keep alive.
final class WeakBox: Sendable {
  private let reference = Mutex<WeakReference>(WeakReference())

  private struct WeakReference: @unchecked Sendable {
    weak var google: FakeGoogle?
  }

  func set(_ google: FakeGoogle) { reference.withLock { $0.google = google } }
  var google: FakeGoogle? { reference.withLock { $0.google } }
}
