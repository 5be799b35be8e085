import HTTP

/// gRPC's health protocol, grpc.health.v1 (github.com/grpc/grpc, doc/health-checking.md), as far as one unary call
/// needs it. Pure.
enum GRPCHealth {
  /// The method's path.
  static let path = "/grpc.health.v1.Health/Check"

  /// A call that asks about a service, or about the whole server when the name is empty.
  static func request(_ url: URL, service: String, timeoutMilliseconds: UInt64) -> Request {
    Request(
      "POST", url,
      fields: [
        .init("Content-Type", "application/grpc"), .init("TE", "trailers"),
        .init("grpc-timeout", "\(min(timeoutMilliseconds, 99_999_999))m"),
        .init("User-Agent", "certd-health/\(Version.text)"),
      ],
      body: frame(message(service)))
  }

  /// HealthCheckRequest { string service = 1; }.
  private static func message(_ service: String) -> [UInt8] {
    let name = Array(service.utf8)
    guard !name.isEmpty else { return [] }
    // The configuration allows 255 bytes: two of a varint suffice.
    let length =
      name.count < 128 ? [UInt8(name.count)] : [UInt8(name.count & 127 | 128), UInt8(name.count >> 7 & 127)]
    return [0x0A] + length + name
  }

  /// A message with its five bytes before it: not compressed, and its length.
  private static func frame(_ message: [UInt8]) -> [UInt8] {
    let n = UInt32(message.count)
    return [0] + (0..<4).map { UInt8(truncatingIfNeeded: n >> (24 - 8 * UInt32($0))) } + message
  }

  /// Nil when the answer says SERVING, else why it does not.
  static func judge(_ response: Response) -> String? {
    guard response.status == 200 else { return "status \(response.status)" }
    guard let status = response.fields["grpc-status"] else { return "no grpc-status" }
    guard status == "0" else {
      let message = response.fields["grpc-message"].map { ": \($0.prefix(200))" } ?? ""
      return "grpc-status \(status.prefix(10))\(message)"
    }
    switch serving(response.body) {
    case 1: return nil
    case 0: return "UNKNOWN"
    case 2: return "NOT_SERVING"
    case 3: return "SERVICE_UNKNOWN"
    default: return "no health status in the answer"
    }
  }

  /// HealthCheckResponse { ServingStatus status = 1; }: a varint; 0 is left out on the wire.
  private static func serving(_ body: [UInt8]) -> Int? {
    guard body.count >= 5, body[0] == 0 else { return nil }
    let message = body[5...]
    guard body[1..<5].reduce(0, { $0 << 8 | Int($1) }) == message.count else { return nil }
    if message.isEmpty { return 0 }
    guard message.count >= 2, message[5] == 0x08 else { return nil }
    return Int(message[6])
  }
}
