import Bytes
import HTTPClient
import HTTP
import OS
import PKI
import TLS

/// A real ACME CA: Debian's `pebble` in strict mode, with `pebble-challtestsrv` as its DNS.
public final class Pebble: Sendable {
  /// Its directory's URL.
  public let directoryURL: String
  /// Path of the root that its API's certificate comes from.
  public let apiRootPath: String
  /// Path of the root that it issues from.
  public let issuingRootPath: String
  /// Where it looks for HTTP-01 answers.
  public let http01Port: UInt16

  private let place: Place
  private let dns: Child
  private let dnsManagement: String
  private let ca: Child
  private let client: HTTPClient

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
    /// Where it asks for TLS-ALPN-01; nil for nowhere.
    public var tlsALPN01Port: UInt16?
    /// External accounts' keys by their names, one of which every new account must be bound to; empty for no such need.
    public var externalAccounts: [String: String] = [:]
    /// The port of the name server on 127.0.0.1 that it asks; nil for its companion's, where all names are this machine.
    public var nameServerPort: UInt16?
    /// Who issues the certificate of its API; nil for a new CA.
    public var api: TestCertificates?
    /// Its own defaults.
    public init() {}
  }

  /// Starts both and waits until the directory is served.
  public init(_ place: Place, _ options: Options = Options()) async throws {
    self.place = place
    client = try HTTPClient()
    var attempt = 0
    while true {
      attempt += 1
      do {
        let port = try options.port ?? FreePort.take()
        let parts = try await Self.launch(place, options, port, client)
        (dns, ca, dnsManagement) = (parts.dns, parts.ca, parts.dnsManagement)
        http01Port = parts.http01Port
        directoryURL = "https://127.0.0.1:\(port)/dir"
        apiRootPath = parts.apiRoot
        issuingRootPath = parts.issuingRoot
        return
      } catch let error as NotInstalled {
        throw error
      } catch {
        guard attempt < 3 else { throw error }
      }
    }
  }

  /// Pebble is missing: not a reason to skip.
  public struct NotInstalled: Error, CustomStringConvertible {
    let program: String
    /// What to do.
    public var description: String {
      "\(program) is not installed; 'make test' installs Debian's package pebble, or: apt-get install pebble"
    }
  }

  private struct Parts {
    var dns: Child
    var ca: Child
    var dnsManagement: String
    var http01Port: UInt16
    var apiRoot: String
    var issuingRoot: String
  }

  private static func launch(
    _ place: Place, _ options: Options, _ port: UInt16, _ client: HTTPClient
  ) async throws -> Parts {
    for program in ["pebble", "pebble-challtestsrv"] {
      let found = try await place.run(["/bin/sh", "-c", "command -v \(program)"], called: "which")
      guard found.ending == .exited(0) else { throw NotInstalled(program: program) }
    }
    let (dnsPort, dnsManagementPort) = (try FreePort.take(), try FreePort.take())
    let (managementPort, http01Port) = (try FreePort.take(), try options.http01Port ?? FreePort.take())
    let dns = try await place.start(
      [
        "pebble-challtestsrv", "-dns01", ":\(dnsPort)", "-management", "127.0.0.1:\(dnsManagementPort)",
        "-http01", options.answersItself ? ":\(http01Port)" : "", "-https01", "",
        "-tlsalpn01", options.answersItself ? options.tlsALPN01Port.map { ":\($0)" } ?? "" : "",
        "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
      ], called: "dns")
    let api = try options.api ?? TestCertificates(place, "api-\(port)")
    let files = try api.issue(["127.0.0.1", "localhost"], called: "api-\(port)")
    let keys = options.externalAccounts.map { "\"\($0.key)\": \"\($0.value)\"" }.joined(separator: ", ")
    let configuration = try place.write(
      "pebble-\(port).json",
      """
      {"pebble": {"listenAddress": "127.0.0.1:\(port)", "managementListenAddress": "127.0.0.1:\(managementPort)",
        "certificate": "\(files.certificate)", "privateKey": "\(files.key)", "httpPort": \(http01Port),
        "tlsPort": \(options.tlsALPN01Port ?? 1), "ocspResponderURL": "", "externalAccountMACKeys": {\(keys)},
        "externalAccountBindingRequired": \(!options.externalAccounts.isEmpty)}}
      """)
    var environment = ["PEBBLE_VA_NOSLEEP": "1"]
    if options.validationDelaySeconds > 0 {
      environment = ["PEBBLE_VA_SLEEPTIME": "\(options.validationDelaySeconds)"]
    }
    if options.believesAll { environment["PEBBLE_VA_ALWAYS_VALID"] = "1" }
    if let percent = options.noncesRefusedPercent { environment["PEBBLE_WFE_NONCEREJECT"] = "\(percent)" }
    if let percent = options.authorizationsReusedPercent { environment["PEBBLE_AUTHZREUSE"] = "\(percent)" }
    let ca = try await place.start(
      [
        "pebble", "-strict", "-config", configuration, "-dnsserver",
        "127.0.0.1:\(options.nameServerPort ?? dnsPort)",
      ],
      environment: environment, called: "pebble")
    let context = try ClientContext(trust: .init(system: false, extraPEM: [api.rootPEM]))
    func get(_ port: UInt16, _ path: String) async -> [UInt8]? {
      guard let url = URL("https://127.0.0.1:\(port)\(path)"),
        let response = try? await client.send(Request("GET", url), .init(context: context)),
        response.status == 200
      else { return nil }
      return response.body
    }
    var root: [UInt8]?
    try await eventually("pebble: \(ca.errors)\(ca.output)") {
      guard ca.ending == nil, dns.ending == nil else {
        throw NeverHappened(what: "pebble: \(ca.output)\(ca.errors)\(dns.output)\(dns.errors)")
      }
      guard await get(port, "/dir") != nil else { return false }
      root = await get(managementPort, "/roots/0")
      return root != nil
    }
    let issuingRoot = try place.write("issuing-\(port).pem", String(decoding: root ?? [], as: UTF8.self))
    return Parts(
      dns: dns, ca: ca, dnsManagement: "http://127.0.0.1:\(dnsManagementPort)", http01Port: http01Port,
      apiRoot: api.rootPath, issuingRoot: issuingRoot)
  }

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
  public var log: String { ca.output + ca.errors }

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
    guard let url = URL("\(dnsManagement)/\(name)") else { return }
    _ = try await client.send(Request("POST", url, fields: [], body: Array(body.utf8)))
  }

  /// Ends it at once, as a crash does.
  public func stop() async throws {
    ca.signal(9)
    _ = try await ca.end()
  }
}
