import EndToEnd
#if canImport(Glibc)
  import Glibc
#endif
import HTTP
import HTTPClient
import OS

/// A larger stand-in, written by others in Python, that may lie beside the project: the same stories run against
/// it, so that the two do not share their mistakes.
public final class SharedGoogle: Sendable {
  /// Where it is: `CERTD_TEST_FAKE_GCP`, or beside the project; nil when it is not there, or Python lacks what it needs.
  public static let program: String? = {
    let named = Subprocess.inheritedEnvironment()["CERTD_TEST_FAKE_GCP"]
    let path = named ?? "\(FileSystem.parent(of: Place.package))/shared/gcp/fakegcp.py"
    guard (try? FileSystem().status(path, followingLinks: true)) != nil,
      system("python3 -c 'import cryptography' 2> /dev/null") == 0
    else { return nil }
    return path
  }()
  /// What a test that needs it says when it is not there.
  public static let skipLine =
    "no second stand-in for Google: CERTD_TEST_FAKE_GCP names none and none lies beside the project, or python3 "
    + "has no cryptography"

  /// `http://127.0.0.1:port`.
  public let url: String
  /// Path of a service account's key file that it trusts.
  public let credentialsPath: String
  private let place: Place
  private let child: Child
  private let client: HTTPClient

  /// Starts it on a free port, with further arguments.
  public init(_ arguments: [String] = []) async throws {
    guard let program = Self.program else { throw Missing(what: "a second stand-in") }
    let place = try Place()
    let child = try await place.start(
      ["python3", program, "--make-credentials", place("sa.json")] + arguments, called: "fakegcp")
    try await eventually("fakegcp: \(child.errors)") {
      guard child.ending == nil else { throw Missing(what: "fakegcp runs: \(child.errors)") }
      return child.output.contains("\n")
    }
    guard let started = JSON.parse(Array(child.output.utf8)), let url = started["url"]?.string else {
      throw Missing(what: "fakegcp's address in \(child.output)")
    }
    self.url = url
    self.place = place
    self.child = child
    credentialsPath = place("sa.json")
    client = try HTTPClient(environment: [:])
  }

  /// A token from its metadata server.
  public func token() async throws -> String {
    let path = "/computeMetadata/v1/instance/service-accounts/default/token"
    let answer = try await call("GET", path, fields: [.init("Metadata-Flavor", "Google")])
    return answer["access_token"]?.string ?? ""
  }

  /// A call of its control interface, `problems` for instance.
  @discardableResult
  public func admin(_ what: String, _ body: JSON? = nil) async throws -> JSON {
    try await call(body == nil ? "GET" : "POST", "/__admin/\(what)", body: body?.text ?? "")
  }

  private func call(
    _ method: String, _ path: String, fields: Fields = [], body: String = ""
  ) async throws -> JSON {
    guard let target = URL(url + path) else { throw Missing(what: path) }
    let response = try await client.send(Request(method, target, fields: fields, body: Array(body.utf8)))
    return JSON.parse(response.body) ?? .null
  }

  private struct Missing: Error, CustomStringConvertible {
    let what: String
    var description: String { "there is no \(what)" }
  }
}
