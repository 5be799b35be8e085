import HTTP
import HTTPClient
import TLS
import TestSupport
import Testing

/// The kind of error that a piece of work throws; nil when it succeeds.
func failure(_ work: () async throws -> Void) async -> HTTPClientError? {
  do {
    try await work()
    return nil
  } catch {
    return error as? HTTPClientError
  }
}

/// A client that no environment variable diverts.
func client(_ environment: [String: String] = [:]) throws -> HTTPClient {
  // Tests may have to wait long for a processor: nothing kept may time out meanwhile.
  try HTTPClient(environment: environment, idleMilliseconds: 3_600_000)
}

/// A GET, or another request.
func request(
  _ url: String, _ method: String = "GET", fields: Fields = [], body: String = ""
) throws -> Request {
  Request(method, try #require(URL(url)), fields: fields, body: Array(body.utf8))
}

extension Response {
  /// The content as text.
  var text: String { String(decoding: body, as: UTF8.self) }
}

/// A small answer that keeps the connection.
func answer(_ text: String) -> String {
  "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
}
