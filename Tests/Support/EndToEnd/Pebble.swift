import HTTP
import HTTPClient
import Synchronization

/// A real ACME CA: Debian's `pebble` in strict mode, with `pebble-challtestsrv` as its DNS.
///
/// A test has it for itself, and its log from then on. The process behind it is one that another test has had before,
/// where one of the same kind is left; it goes on to the next test unless it was stopped or its names were changed.
public final class Pebble: Sendable {
  /// Its directory's URL.
  public var directoryURL: String { server.directoryURL }
  /// Path of the root that its API's certificate comes from.
  public var apiRootPath: String { server.apiRootPath }
  /// Path of the root that it issues from.
  public var issuingRootPath: String { server.issuingRootPath }
  /// Where it looks for HTTP-01 answers.
  public var http01Port: UInt16 { server.http01Port }

  private let server: PebbleServer
  private let isSpoiled = Atomic(false)
  /// What is in its log from before.
  private let seen: (output: Int, errors: Int)

  /// Its surroundings.
  public struct Options: Sendable {
    /// How many of a hundred good nonces it refuses; nil for its own default.
    public var noncesRefusedPercent: Int?
    /// How many of a hundred valid authorizations are used again; nil for its own default.
    public var authorizationsReusedPercent: Int?
    /// The most that it waits before it looks for an HTTP-01 answer, in seconds.
    public var validationDelaySeconds = 0
    /// The port of its API; nil for a free one.
    public var port: UInt16?
    /// Whether `http01Port` is served by the DNS server's own responder, to be filled by `answer`.
    public var answersItself = false
    /// Whether it takes every challenge for answered, without a look.
    public var believesAll = false
    /// Where it looks for HTTP-01 answers; nil for a free port.
    public var http01Port: UInt16?
    /// Where it asks for TLS-ALPN-01; nil for a free port.
    public var tlsALPN01Port: UInt16?
    /// External accounts' keys by their names, one of which every new account must be bound to; empty for no such need.
    public var externalAccounts: [String: String] = [:]
    /// The port of the name server on 127.0.0.1 that it asks; nil for its companion's, where all names are this machine.
    public var nameServerPort: UInt16?
    /// Who issues the certificate of its API; nil for a new CA.
    public var api: TestCertificates?
    /// Its own defaults.
    public init() {}

    /// Whether another test's CA of the same kind does as well: no port is given, nor anything that is the test's own.
    var canBeShared: Bool {
      port == nil && http01Port == nil && tlsALPN01Port == nil && nameServerPort == nil && api == nil
    }

    /// What makes a CA another one than those that can be shared.
    var kind: String {
      let keys = externalAccounts.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      return """
        \(String(describing: noncesRefusedPercent)) \(String(describing: authorizationsReusedPercent)) \
        \(validationDelaySeconds) \(answersItself) \(believesAll) \(keys)
        """
    }
  }

  /// Takes one that is left, or starts both and waits until the directory is served.
  public init(_ place: Place, _ options: Options = Options()) async throws {
    if options.canBeShared {
      let left = PebbleServer.left(options.kind)
      server = if let left { left } else { try await PebbleServer(try Place(), options) }
    } else {
      server = try await PebbleServer(place, options)
    }
    seen = (server.ca.outputCount, server.ca.errorCount)
  }

  deinit { if !isSpoiled.load(ordering: .acquiring) { server.leave() } }

  /// The section of a configuration that uses it.
  public var acmeSection: String {
    """
    acme:
      email: ops@example.com
      agree_tos: true
      issuers:
        - {name: pebble, directory: "\(directoryURL)", roots: ["\(apiRootPath)"]}
      http01: {address: "127.0.0.1:\(http01Port)"}
    """
  }

  /// The flags that use it.
  public var flags: [String] {
    [
      "--issuer", directoryURL, "--acme-root", apiRootPath, "--email", "ops@example.com", "--agree-tos",
      "--http-address", "127.0.0.1:\(http01Port)",
    ]
  }

  /// What it has logged so far.
  public var log: String { server.ca.output(from: seen.output) + server.ca.errors(from: seen.errors) }

  /// The lines of its log about requests for a path.
  public func requests(_ path: String) -> [Substring] {
    log.split(separator: "\n").filter { $0.contains(" \(path) ") }
  }

  /// The challenge tokens of its log so far.
  public var tokens: Set<String> {
    let marker = "/.well-known/acme-challenge/"
    return Set(
      log.split(separator: marker).dropFirst().map { part in
        String(part.prefix { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" })
      })
  }

  /// Makes lookups of a name fail from now on.
  public func failLookups(of name: String) async throws {
    isSpoiled.store(true, ordering: .releasing)
    try await dnsCommand("set-servfail", #"{"host":"\#(name)."}"#)
  }

  /// Makes lookups of a name succeed again.
  public func mendLookups(of name: String) async throws {
    try await dnsCommand("clear-servfail", #"{"host":"\#(name)."}"#)
  }

  /// Sets an HTTP-01 answer, with `answersItself`.
  public func answer(token: String, _ content: String) async throws {
    try await dnsCommand("add-http01", #"{"token":"\#(token)","content":"\#(content)"}"#)
  }

  /// Sets a TLS-ALPN-01 answer, with `answersItself` and a `tlsALPN01Port`.
  public func answerTLS(_ host: String, _ content: String) async throws {
    try await dnsCommand("add-tlsalpn01", #"{"host":"\#(host)","content":"\#(content)"}"#)
  }

  /// Sets the only TXT record of a name.
  public func setText(_ name: String, _ value: String) async throws {
    try await dnsCommand("clear-txt", #"{"host":"\#(name)."}"#)
    try await dnsCommand("set-txt", #"{"host":"\#(name).","value":"\#(value)"}"#)
  }

  private func dnsCommand(_ name: String, _ body: String) async throws {
    guard let url = URL("\(server.dnsManagement)/\(name)") else { return }
    _ = try await server.client.send(Request("POST", url, fields: [], body: Array(body.utf8)))
  }

  /// Ends it at once, as a crash does.
  public func stop() async throws {
    isSpoiled.store(true, ordering: .releasing)
    server.ca.signal(9)
    _ = try await server.ca.end()
  }
}
