import HTTP
import TestRun
import Testing

@testable import certd

@Suite("gRPC's health protocol", .ownThread) struct GRPCHealthTests {
  static func answer(_ body: [UInt8]) -> Response { answer(200, [("grpc-status", "0")], body) }

  static func answer(_ status: Int, _ fields: [(String, String)], _ body: [UInt8]) -> Response {
    var response = Response(status: status)
    for (name, value) in fields { response.fields.add(name, value) }
    response.body = body
    return response
  }

  static func message(_ bytes: UInt8...) -> [UInt8] { [0, 0, 0, 0, UInt8(bytes.count)] + bytes }

  /// What comes, and why it is not ready; nil when it is.
  static let rows: [(Response, String?)] = [
    (answer(message(0x08, 1)), nil),
    (answer(message(0x08, 0)), "UNKNOWN"), (answer(message()), "UNKNOWN"),
    (answer(message(0x08, 2)), "NOT_SERVING"), (answer(message(0x08, 3)), "SERVICE_UNKNOWN"),
    (answer(message(0x08, 9)), "no health status in the answer"),
    (answer(message(0x08)), "no health status in the answer"),
    (answer(message(0x10, 1)), "no health status in the answer"),
    (answer([]), "no health status in the answer"), (answer([0, 0, 0]), "no health status in the answer"),
    // Compressed, cut off, and with something behind it.
    (answer([1, 0, 0, 0, 2, 0x08, 1]), "no health status in the answer"),
    (answer([0, 0, 0, 0, 3, 0x08, 1]), "no health status in the answer"),
    (answer([0, 0, 0, 0, 2, 0x08, 1, 0]), "no health status in the answer"),
    (answer([0, 255, 255, 255, 255, 0x08, 1]), "no health status in the answer"),
    (answer(200, [], message(0x08, 1)), "no grpc-status"),
    (answer(503, [("grpc-status", "0")], message(0x08, 1)), "status 503"),
    (answer(200, [("grpc-status", "12")], []), "grpc-status 12"),
    (answer(200, [("grpc-status", "14"), ("grpc-message", "soon")], []), "grpc-status 14: soon"),
    (answer(200, [("Grpc-Status", "0")], message(0x08, 1)), nil),
  ]

  @Test("an answer means what the protocol says", arguments: rows.indices)
  func judge(_ row: Int) {
    let (response, expected) = Self.rows[row]
    #expect(GRPCHealth.judge(response) == expected)
  }

  /// A service's name and the message that asks for it.
  static let names: [(String, [UInt8])] = [
    ("", []), ("a", [0x0A, 1, 0x61]),
    (String(repeating: "b", count: 127), [0x0A, 127] + [UInt8](repeating: 0x62, count: 127)),
    (String(repeating: "b", count: 200), [0x0A, 0xC8, 1] + [UInt8](repeating: 0x62, count: 200)),
  ]

  @Test("a question names its service", arguments: names.indices)
  func ask(_ row: Int) throws {
    let (name, expected) = Self.names[row]
    let url = try #require(URL("http://127.0.0.1:1\(GRPCHealth.path)"))
    let request = GRPCHealth.request(url, service: name, timeoutMilliseconds: .max)
    #expect(request.body == [0, 0, 0, 0, UInt8(expected.count)] + expected)
    // Eight digits at most (gRPC over HTTP/2, "Timeout").
    #expect(request.method == "POST" && request.fields["grpc-timeout"] == "99999999m")
    #expect(request.fields["te"] == "trailers" && request.fields["content-type"] == "application/grpc")
  }
}
