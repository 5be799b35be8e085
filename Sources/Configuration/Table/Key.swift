/// One key of the file: the single source of its reader, its documentation and its schema.
public struct Key: Sendable {
  /// What a value of a key looks like.
  public indirect enum ValueType: Sendable {
    /// One text; the word says which kind and stands in the reference.
    case text(TextKind)
    case boolean
    case integer(ClosedRange<Int>)
    /// A number, or a word in its place such as `auto`.
    case integerOr(String, ClosedRange<Int>)
    /// A number and a unit; `off` for no limit where that is allowed. Bounds in milliseconds.
    case duration(ClosedRange<Int64>, off: Bool)
    /// A number and a binary unit. Bounds in bytes.
    case size(ClosedRange<Int>)
    /// One of some words; reserved ones are known but refused until they work.
    case choice([String], reserved: [String])
    /// At most so many values. Their own keys, if they are sections, stand below `path[]`.
    case list(of: ValueType, maximumCount: Int)
    /// A section whose keys stand below `path.`.
    case section
    /// Either at most so many values, or a section.
    case listOrSection(of: ValueType, maximumCount: Int)
    /// A section with free names, at most so many; what a name holds stands at `path.*`.
    case named(of: ValueType, maximumCount: Int)
    /// `true` or `false`, or a section, which is true and says more.
    case booleanOrSection
    /// Either a text or a section.
    case textOrSection(TextKind)
    /// Either one of some words or a section.
    case choiceOrSection([String])
    /// One of some words, or a list of at most so many of them.
    case choiceOrList([String], maximumCount: Int)
    /// Either a text, or a list of at most so many of them.
    case textOrList(TextKind, maximumCount: Int)
  }

  /// Kinds of text.
  public enum TextKind: String, Sendable {
    case line = "text"
    case name
    case path = "file path"
    case email = "mail address"
    case url = "https URL"
    case endpoint = "https URL, or http on this machine"
    case host = "host name or address"
    case hostPattern = "host name, address, *.suffix or *"
    case requestPath = "path"
    case grpcService = "package.Service"
    case pathPrefix = "path without a slash at its end"
    case backendHost = "client, backend or host name"
    case pathPattern = "exact path, or prefix ending in /*"
    case listenAddress = "address:port"
    case backend = "host:port, URL or unix:path"
    case publisher = "tcp://host:port"
    case addressRange = "address range"
    case fieldName = "field name"
    case fieldValue = "field value"
    case statusRange = "status range"
    case retryCondition = "connect-failure, reset, response-timeout or status"
    case issuer = "preset"
    case mediaType = "media type or type/*"
    case accessLog = "off, stdout or file path"
    case socketPath = "off or file path"
    case cipher = "TLS 1.2 cipher suite"
    case cipherSuite = "TLS 1.3 cipher suite"
    case group = "key exchange group"
    case cloudName = "name of a Google resource"
    case cloudPath = "path of a Google resource"
    case share = "share above 0, at most 1"
    case count = "count such as 500, 200k or 1M"
  }

  /// What holds when the key is not written.
  public enum Fallback: Sendable, Equatable {
    /// It must be written.
    case required
    /// As if this had been written.
    case value(String)
    /// Something that one value cannot tell; the sentence stands in the reference.
    case described(String)
  }

  /// Where it stands: `services.*.health.path`, `listeners[].address`.
  public let path: String
  /// What its value looks like.
  public let type: ValueType
  /// What holds without it.
  public let fallback: Fallback
  /// What it does, in a sentence or two.
  public let summary: String
  /// The first version that knows it.
  public let since: String
  /// The last word of the path; empty for `path[]` and `*` for free names.
  public let name: String
  /// The path of the section that it stands in.
  public let parent: String
  /// The field that it is read into; nil for a key that has a reader of its own.
  let binding: (any AnyBinding)?

  /// A key that has a reader of its own.
  init(_ path: String, _ type: ValueType, _ fallback: Fallback, _ summary: String, since: String = "0.1") {
    self.init(path, type, fallback, summary, since: since, binding: nil)
  }

  init(
    _ path: String, _ type: ValueType, _ fallback: Fallback, _ summary: String, since: String,
    binding: (any AnyBinding)?
  ) {
    self.path = path
    self.type = type
    self.fallback = fallback
    self.summary = summary
    self.since = since
    self.binding = binding
    name = String(path.split(separator: ".").last ?? "")
    parent = path.lastIndex(of: ".").map { String(path[..<$0]) } ?? ""
  }
}

/// The keys of a file.
public struct KeyTable: Sendable {
  /// In the order of the reference.
  public let all: [Key]
  private let byParent: [String: [Key]]

  init(_ keys: [Key]) {
    all = keys
    byParent = Dictionary(grouping: keys) { $0.parent }
  }

  /// The keys of the section at a path of the table, in order; the root is the empty path.
  func children(of path: String) -> [Key] { byParent[path] ?? [] }

  /// Every key of certd.yaml.
  public static let certd = KeyTable(
    general + acme + dns01 + certificates + deploys + proxy + tests + keys + listenerTLS + services + limits
      + fleet
      + gcp
      + loadBalancer)
}
