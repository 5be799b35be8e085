/// A whole request, as the control plane sends it (RFC 9110 §3.4).
public struct Request: Sendable, Equatable {
  /// The method, upper-case.
  public var method: String
  /// Where it goes.
  public var url: URL
  /// Header fields; Host, Content-Length and Connection are added by whoever sends it.
  public var fields: Fields
  /// The content; empty for none.
  public var body: [UInt8]

  /// A request.
  public init(_ method: String, _ url: URL, fields: Fields = [], body: [UInt8] = []) {
    self.method = method
    self.url = url
    self.fields = fields
    self.body = body
  }
}

/// A whole response, as the control plane receives it.
public struct Response: Sendable, Equatable {
  /// The status code, 200 to 599: interim responses are consumed on the way.
  public var status: Int
  /// Header fields.
  public var fields: Fields
  /// The content, decoded from its transfer and content codings.
  public var body: [UInt8]

  /// A response.
  public init(status: Int, fields: Fields = [], body: [UInt8] = []) {
    self.status = status
    self.fields = fields
    self.body = body
  }
}
