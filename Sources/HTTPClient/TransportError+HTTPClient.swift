public import HTTP

extension TransportError {
  /// A failure of this client, as those see it who are given a transport; `url` is what was asked.
  public init(_ error: HTTPClientError, _ url: URL) {
    let kind: Kind =
      switch error.kind {
      case .resolve, .connect: .connect
      case .tls: .tls
      case .dropped: .dropped
      case .timeout: .timeout
      case .tooLarge: .tooLarge
      case .malformed: .malformed
      case .cancelled: .cancelled
      }
    self.init(kind, "\(url.authority): \(error.reason)")
  }
}
