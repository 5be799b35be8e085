import GCP
import HTTP
import OS

/// Tells of each call on standard error: its method, host, path, status and time. Never a field, a query or content.
struct TellingTransport: GCP.Transport {
  let inner: any GCP.Transport

  func send(
    _ request: HTTP.Request, deadlineSeconds: Double
  ) async throws(TransportError) -> HTTP.Response {
    let began = OS.Clock.monotonicNanoseconds()
    func tell(_ outcome: String) {
      let path = request.url.target.prefix { $0 != "?" }
      let milliseconds = (OS.Clock.monotonicNanoseconds() - began) / 1_000_000
      Output.error("\(request.method) \(request.url.authority)\(path) \(outcome) \(milliseconds) ms")
    }
    do throws(TransportError) {
      let response = try await inner.send(request, deadlineSeconds: deadlineSeconds)
      tell("\(response.status)")
      return response
    } catch {
      tell("\(error)")
      throw error
    }
  }
}
