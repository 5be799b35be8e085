import CLinux
import HTTP
import HTTPClient
import OS
import Synchronization
import TLS

/// The processes of a CA and its DNS, and those that tests have left for others.
final class PebbleServer: Sendable {
  let directoryURL: String
  let apiRootPath: String
  let issuingRootPath: String
  let http01Port: UInt16
  let ca: Child
  let dnsManagement: String
  let client: HTTPClient
  private let place: Place
  private let dns: Child
  private let kind: String?

  /// Starts both and waits until the directory is served.
  init(_ place: Place, _ options: Pebble.Options) async throws {
    self.place = place
    kind = options.canBeShared ? options.kind : nil
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

  // MARK: Those that are left

  private static let idle = Mutex<[String: [PebbleServer]]>([:])
  /// Ends them, and removes what they have written, with the process.
  private static let end: Void = {
    atexit { PebbleServer.idle.withLock { $0 = [:] } }
  }()

  /// One of a kind that nobody has now; nil when there is none.
  static func left(_ kind: String) -> PebbleServer? { idle.withLock { $0[kind]?.popLast() } }

  /// Leaves it to whoever wants one of its kind next, if it can be shared and still runs.
  func leave() {
    guard let kind, ca.ending == nil, dns.ending == nil else { return }
    Self.end
    Self.idle.withLock { $0[kind, default: []].append(self) }
  }

  /// Pebble is missing: not a reason to skip.
  struct NotInstalled: Error, CustomStringConvertible {
    let program: String
    /// What to do.
    var description: String {
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

  private static func isInstalled(_ program: String) -> Bool {
    let path = Subprocess.inheritedEnvironment()["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
  }

  private static func launch(
    _ place: Place, _ options: Pebble.Options, _ port: UInt16, _ client: HTTPClient
  ) async throws -> Parts {
    for program in ["pebble", "pebble-challtestsrv"] where !Self.isInstalled(program) {
      throw NotInstalled(program: program)
    }
    let (dnsPort, dnsManagementPort) = (try FreePort.take(), try FreePort.take())
    let (managementPort, http01Port) = (try FreePort.take(), try options.http01Port ?? FreePort.take())
    let tlsPort = try options.tlsALPN01Port ?? FreePort.take()
    let dns = try await place.start(
      [
        "pebble-challtestsrv", "-dns01", ":\(dnsPort)", "-management", "127.0.0.1:\(dnsManagementPort)",
        "-http01", options.answersItself ? ":\(http01Port)" : "", "-https01", "",
        "-tlsalpn01", options.answersItself ? ":\(tlsPort)" : "",
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
        "tlsPort": \(tlsPort), "ocspResponderURL": "", "externalAccountMACKeys": {\(keys)},
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
}
