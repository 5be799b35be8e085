// Configuration: certd.yaml as typed values.
//
// Each plain key is read straight into the field of the module that obeys it, whose initial value is its default. It does
// not read files, resolve names, load keys or look at the clock: bytes come in, values or errors go out, and the same bytes always give the same answer.
// It promises that any bytes are survived; that an unknown, misplaced, doubled or malformed key is an error
// with its line and column; that every error of a file is told at once; that the parser, the reference in
// docs/configuration.md and the JSON Schema come from one table and cannot disagree.

public import Exchange
public import Proxy

/// Everything that an operator can decide, checked and complete: each key that was not written has its
/// default.
public struct Configuration: Sendable, Equatable {
  /// The name of the file that this was read from, for later errors; `command line` without a file.
  public var file = ""
  /// Directory of the certificate store; nil when the command line or the installation decides.
  public var store: String?
  /// Worker threads; nil for one per processor that the process may use.
  public var workers: Int?
  /// Where this node is; nil where nobody says.
  public var zone: String?
  /// What is logged, and where.
  public var log = LogSettings()
  /// Where certd shows what it does.
  public var admin: AdminSettings = .standard
  /// How certificates are obtained.
  public var acme = ACMESettings()
  /// Certificates that are named one by one: files, and managed ones that differ from the rule.
  public var certificates: [CertificateEntry] = []
  /// Listening addresses.
  public var listeners: [Listener] = []
  /// Nobody has asked for the listener without TLS: where its port is not to be had, the others are served without it.
  public var hasDefaultPlainListener = false
  /// Peers whose `X-Forwarded-*` and `Forwarded` fields are believed.
  public var trustedProxies: [AddressRange] = []
  /// Where traces are sent; nil for nowhere.
  public var traces: TracePlace?
  /// Which forwarding fields are sent to backends.
  public var forwarding = ForwardedFields()
  /// Field changes for every route; a route's own come after them.
  public var headers = Settings.FieldEdits()
  /// Which requests go where.
  public var routes: [Route] = []
  /// Requests, and what has to become of them.
  public var tests: [RouteTest] = []
  /// Groups of keys, in the order of the file.
  public var keyGroups: [KeyGroupSettings] = []
  /// Groups of backends, in the order of the file.
  public var services: [Service] = []
  /// Sizes, counts and times that protect the process.
  public var limits = Limits()
  /// Whether somebody has said how many connections there may be: a default is simply cut to what there are descriptors for.
  public var areConnectionsChosen = false
  /// Other nodes that serve the same; nil for none.
  public var fleet: FleetSettings?
  /// Google Cloud's load balancers; nil for none.
  public var gcp: GCPSettings?

  /// The service of that name.
  public func service(named name: String) -> Service? { services.first { $0.name == name } }

  /// An error about a value of this configuration that only shows once it is put to use.
  public func error(at origin: Origin, _ message: String, hint: String? = nil) -> ConfigurationError {
    ConfigurationError(
      file: origin.position.file ?? file, position: origin.position, path: origin.path, message: message,
      hint: hint)
  }
}
