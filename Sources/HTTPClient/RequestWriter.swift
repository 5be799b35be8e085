internal import HTTP

/// Writes a request of the control plane.
enum RequestWriter {
  static func bytes(_ request: Request, keepsAlive: Bool, absolute: Bool) -> [UInt8] {
    let target = absolute ? request.url.description : request.url.target
    var head = "\(request.method) \(target) HTTP/1.1\r\n"
    if request.fields["Host"] == nil { head += "Host: \(request.url.authority)\r\n" }
    for field in request.fields.all where !isFraming(field) { head += "\(field.name): \(field.value)\r\n" }
    if !request.body.isEmpty || request.method == "POST" || request.method == "PUT"
      || request.method == "PATCH"
    {
      head += "Content-Length: \(request.body.count)\r\n"
    }
    head += keepsAlive ? "\r\n" : "Connection: close\r\n\r\n"
    return Array(head.utf8) + request.body
  }

  /// Why a request cannot be sent, without its values; nil when it can.
  static func refusal(of request: Request) -> String? {
    guard !request.method.isEmpty, request.method.utf8.allSatisfy(isToken) else { return "not a method" }
    for field in request.fields.all {
      guard !field.name.isEmpty, field.name.utf8.allSatisfy(isToken) else { return "malformed field name" }
      // A value with a line break would be a second field, or a second request.
      guard field.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
        return "control character in the value of field \(field.name)"
      }
    }
    return nil
  }

  /// Ours decide about framing alone.
  private static func isFraming(_ field: Fields.Field) -> Bool {
    ["content-length", "transfer-encoding", "connection"].contains(field.name.lowercased())
  }

  private static func isToken(_ c: UInt8) -> Bool {
    switch c {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "!#$%&'*+-.^_`|~".utf8.contains(c)
    }
  }
}
