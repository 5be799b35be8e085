internal import HTTP

/// Writes a request of the control plane.
enum RequestWriter {
  static func bytes(_ request: Request, keepsAlive: Bool, absolute: Bool) -> [UInt8] {
    let target = absolute ? request.url.description : request.url.target
    var head = "\(request.method) \(target) HTTP/1.1\r\n"
    if request.fields["Host"] == nil { head += "Host: \(request.url.authority)\r\n" }
    for field in request.fields.all where isSafe(field) { head += "\(field.name): \(field.value)\r\n" }
    if !request.body.isEmpty || request.method == "POST" || request.method == "PUT"
      || request.method == "PATCH"
    {
      head += "Content-Length: \(request.body.count)\r\n"
    }
    head += keepsAlive ? "\r\n" : "Connection: close\r\n\r\n"
    return Array(head.utf8) + request.body
  }

  /// A value with a line break would be a second field; ours decide about framing alone.
  private static func isSafe(_ field: Fields.Field) -> Bool {
    let framing = ["content-length", "transfer-encoding", "connection"]
    return !framing.contains(field.name.lowercased()) && !field.name.isEmpty
      && field.value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
      && field.name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x3A }
  }
}
