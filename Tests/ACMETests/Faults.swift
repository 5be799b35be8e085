import ACME
import HTTP
import Synchronization
import Testing

/// A way to break one request.
enum Fault: String, CaseIterable, CustomTestStringConvertible {
  case status500, status503Seconds, status503Date, status502HTML, status429Seconds, status429Bare
  case connectRefused, droppedBefore, droppedAfter, resetAfter, timeoutAfter, badNonce
  case badNonceWithoutNonce, truncatedBody, truncatedFraming, garbageText, garbageJSON, garbageEmpty
  case wrongNonce, malformedNonce, missingNonce, noLocation
  // Not to be survived: the CA means it.
  case unauthorized, malformedRequest, notFound, status429Hours

  /// Those that an issuance must survive.
  static let passing = allCases.filter {
    ![.unauthorized, .malformedRequest, .notFound, .status429Hours].contains($0)
  }

  /// One of each kind, for where all would take too long.
  static let kinds: [Fault] = [
    .status503Date, .connectRefused, .droppedAfter, .badNonceWithoutNonce, .garbageJSON, .missingNonce,
    .noLocation,
  ]

  var testDescription: String { rawValue }

  /// Whether the CA sees the request.
  var takesEffect: Bool {
    switch self {
    case .droppedAfter, .resetAfter, .timeoutAfter, .truncatedBody, .truncatedFraming, .garbageText,
      .garbageJSON,
      .garbageEmpty, .wrongNonce, .malformedNonce, .missingNonce, .noLocation:
      true
    default: false
    }
  }
}

/// Lies between a client and a CA and breaks the requests of some numbers, counted from 0.
final class FaultyWire: Transport {
  private let ca: FakeCA
  private let faults: [Int: Fault]
  private let seen = Mutex<[String]>([])

  init(_ ca: FakeCA, _ faults: [Int: Fault]) {
    self.ca = ca
    self.faults = faults
  }

  /// Every request so far, as method and path.
  var requests: [String] { seen.withLock { $0 } }

  func send(_ request: HTTP.Request) async throws(TransportError) -> HTTP.Response {
    let number = seen.withLock {
      $0.append("\(request.method) \(request.url.target)")
      return $0.count - 1
    }
    guard let fault = faults[number] else { return await ca.answer(request) }
    let answer = fault.takesEffect ? await ca.answer(request) : Response(status: 500)
    var broken = try apply(fault, answer)
    if request.method == "HEAD" { broken.body = [] }
    return broken
  }

  private func apply(_ fault: Fault, _ answer: Response) throws(TransportError) -> Response {
    var answer = answer
    switch fault {
    case .status500: return Response(status: 500)
    case .status503Seconds: return Response(status: 503, fields: [.init("Retry-After", "3")])
    case .status503Date:
      return Response(status: 503, fields: [.init("Retry-After", "Fri, 15 Jan 2027 08:00:09 GMT")])
    case .status502HTML:
      return html(502, "<html><h1>502 Bad Gateway</h1></html>")
    case .status429Seconds: return limited([.init("Retry-After", "2")])
    case .status429Bare: return limited([])
    case .unauthorized: return problem(403, "unauthorized", [])
    case .malformedRequest: return problem(400, "malformed", [])
    case .notFound: return html(404, "<html>Not found</html>")
    case .status429Hours: return limited([.init("Retry-After", "7200")])
    case .connectRefused: throw TransportError(.connect, "refused")
    case .droppedBefore, .droppedAfter: throw TransportError(.dropped, "closed")
    case .resetAfter: throw TransportError(.dropped, "reset")
    case .timeoutAfter: throw TransportError(.timeout, "no answer")
    case .badNonce: return problem(400, "badNonce", [.init("Replay-Nonce", "from-nowhere")])
    case .badNonceWithoutNonce: return problem(400, "badNonce", [])
    case .truncatedBody: answer.body = Array(answer.body.prefix(answer.body.count / 2))
    case .truncatedFraming: throw TransportError(.malformed, "the body ended early")
    case .garbageText: return html(200, "<html>Sign in to the guest network</html>")
    case .garbageJSON: return Response(status: 200, body: Array(#"{"nonsense":[1,2,3]}"#.utf8))
    case .garbageEmpty: return Response(status: 200)
    case .wrongNonce: answer.fields["Replay-Nonce"] = "never-issued"
    case .malformedNonce: answer.fields["Replay-Nonce"] = "not a nonce!"
    case .missingNonce: answer.fields["Replay-Nonce"] = nil
    case .noLocation: answer.fields["Location"] = nil
    }
    return answer
  }

  private func html(_ status: Int, _ text: String) -> Response {
    Response(status: status, fields: [.init("Content-Type", "text/html")], body: Array(text.utf8))
  }

  private func limited(_ fields: Fields) -> Response { problem(429, "rateLimited", fields) }

  private func problem(_ status: Int, _ kind: String, _ fields: Fields) -> Response {
    var fields = fields
    fields.add("Content-Type", "application/problem+json")
    let text = #"{"type":"urn:ietf:params:acme:error:\#(kind)","detail":"injected","status":\#(status)}"#
    return Response(status: status, fields: fields, body: Array(text.utf8))
  }
}
