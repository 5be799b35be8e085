/// The full name of a gRPC service, `package.Service`.
enum GRPCServiceName {
  /// The most bytes of a name.
  static let maximumBytes = 255

  static func parse(_ text: String) throws(Invalid) -> String {
    let isName =
      text.utf8.allSatisfy {
        switch $0 {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2E, 0x2D, 0x2F: true
        default: false
        }
      } && text.utf8.count <= maximumBytes
    guard isName else { throw Invalid("\(quoted(text)) is no gRPC service name", "write package.Service") }
    return text
  }
}
