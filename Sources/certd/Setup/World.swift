import ACME
import Bytes
import HTTP
import HTTPClient
import OS
import Renewal
import TLS

/// The clocks, chance and network that everything that decides is given.
struct World: Sendable {
  let client: HTTPClient

  static func now() -> UnixTime { UnixTime(seconds: OS.Clock.wallSeconds()) }
  static func random() -> Double { Double.random(in: 0..<1) }
  static func sleep(seconds: Double) async throws {
    try await Task.sleep(for: .milliseconds(Int64(max(0, min(seconds, 1e9)) * 1000)))
  }

  init() throws(SetupError) {
    do throws(HTTPClientError) {
      client = try HTTPClient(environment: Subprocess.inheritedEnvironment())
    } catch { throw .other("the HTTP client could not be started: \(error)") }
  }

  /// The ACME engine's surroundings.
  func acmeEnvironment(retrying: @escaping @Sendable (String) -> Void) -> ACME.Environment {
    var environment = ACME.Environment(
      now: { Self.now() }, sleep: { try await Self.sleep(seconds: $0) }, random: { Self.random() })
    environment.retrying = { failure, after in
      // A nonce that the CA has forgotten is no news.
      guard after > 0 else { return }
      retrying("\(failure); trying again in \(Int(after.rounded(.up))) s")
    }
    return environment
  }
}

/// Carries the ACME engine's requests.
struct ClientTransport: ACME.Transport {
  let client: HTTPClient
  let context: ClientContext?

  /// One request to a CA, from call to complete response, in milliseconds.
  static let deadlineMilliseconds: UInt64 = 60_000

  func send(_ request: HTTP.Request) async throws(TransportError) -> HTTP.Response {
    do throws(HTTPClientError) {
      return try await client.send(
        request, .init(context: context, deadlineMilliseconds: Self.deadlineMilliseconds))
    } catch {
      throw TransportError(error, request.url)
    }
  }
}
