/// A request, and what has to become of it.
public struct RouteTest: Sendable, Equatable {
  /// What has to become of it.
  public enum Expectation: Sendable, Equatable {
    /// A backend of this service is asked.
    case service(String)
    /// It is answered with this status by certd itself.
    case status(Int)
    /// It is sent to this URL.
    case redirect(String)
  }

  /// The method.
  public var method: String
  /// Whether it comes by TLS.
  public var isSecure: Bool
  /// Host, and port where one is written.
  public var host: String
  /// Path and query.
  public var target: String
  /// Its fields.
  public var headers: [(name: String, value: String)]
  /// The client's address.
  public var client: String
  /// What has to become of it.
  public var expectation: Expectation
  /// Where it stands.
  public var origin: Origin

  /// Equal when the requests and expectations are.
  public static func == (a: Self, b: Self) -> Bool {
    (a.method, a.isSecure, a.host, a.target, a.client) == (b.method, b.isSecure, b.host, b.target, b.client)
      && a.expectation == b.expectation && a.headers.map(\.name) == b.headers.map(\.name)
      && a.headers.map(\.value) == b.headers.map(\.value)
  }

  /// As it is written.
  public var request: String { "\(method) \(isSecure ? "https" : "http")://\(host)\(target)" }
}
