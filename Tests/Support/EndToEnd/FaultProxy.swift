import HTTP
import HTTPClient
import TLS

/// A TLS reverse proxy in front of Pebble that breaks one request.
public struct FaultProxy: Sendable {
  /// The directory's URL through it.
  public let directoryURL: String
  /// Path of the root that its certificate comes from.
  public let rootPath: String
  /// The same root.
  public let rootPEM: [UInt8]
  private let child: Child
  private let client: HTTPClient
  private let base: String

  /// Starts it.
  public init(_ place: Place, _ pebble: Pebble, called name: String) async throws {
    let authority = try TestCertificates(place, "proxy-\(name)")
    let files = try authority.issue(["127.0.0.1"], called: "proxy-\(name)")
    guard let port = URL(pebble.directoryURL)?.port else { throw NeverHappened(what: "a port") }
    let child = try await place.start(
      [
        "python3", "\(Place.package)/Tests/Support/EndToEnd/fault_proxy.py", files.certificate, files.key,
        "\(port)",
      ], called: "proxy-\(name)")
    try await eventually("the fault proxy: \(child.errors)") { child.output.contains("\n") }
    base = "https://127.0.0.1:\(child.output.prefix { $0 != "\n" })"
    directoryURL = base + "/dir"
    (rootPEM, rootPath) = (authority.rootPEM, authority.rootPath)
    (self.child, client) = (child, try HTTPClient())
  }

  /// Breaks the request of this number, counted from 0 and from now; -1 for none.
  public func breakRequest(_ number: Int, _ kind: String) async throws {
    _ = try await command("POST", "/fault/\(kind)/\(number)")
  }

  /// How many requests have passed since then.
  public func count() async throws -> Int { Int(try await command("GET", "/count")) ?? -1 }

  private func command(_ method: String, _ path: String) async throws -> String {
    guard let url = URL(base + path) else { throw NeverHappened(what: "a URL") }
    let context = try ClientContext(trust: .init(system: false, extraPEM: [rootPEM]))
    let response = try await client.send(
      Request(method, url), .init(context: context, keepsAlive: false))
    return String(decoding: response.body, as: UTF8.self)
  }
}
