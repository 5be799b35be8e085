public import HTTP
public import HTTPClient

/// Carries a session's requests over the control plane's HTTP client.
public struct ClientTransport: Transport {
  private let client: HTTPClient
  private let options: HTTPClient.Options

  /// The largest answer, in bytes: a page of 500 certificates with their chains.
  public static let maximumBodyBytes = 16 << 20

  /// `options` says whom to trust; deadline and size are set here.
  public init(_ client: HTTPClient, options: HTTPClient.Options = HTTPClient.Options()) {
    self.client = client
    self.options = options
  }

  /// Sends a request once.
  public func send(
    _ request: HTTP.Request, deadlineSeconds: Double
  ) async throws(TransportError) -> HTTP.Response {
    var options = options
    options.deadlineMilliseconds = UInt64(max(1, min(deadlineSeconds, 86_400)) * 1000)
    options.maximumBodyBytes = Self.maximumBodyBytes
    do throws(HTTPClientError) { return try await client.send(request, options) } catch {
      throw TransportError(error, request.url)
    }
  }
}
