internal import HTTP
internal import PKI

/// Whose signature a request carries (RFC 8555 §6.2).
enum Author {
  /// The account, named by its URL.
  case account
  /// A key, sent along.
  case key(any Signer)
}

/// One request of the protocol, as often as it takes: what is asked, and how an answer is read.
struct Call<Value> {
  enum Method {
    case get
    case head
    /// A signed request; without a payload it is a POST-as-GET (RFC 8555 §6.3).
    case post(payload: [UInt8]?, by: Author)
  }

  let step: ACMEError.Step
  let method: Method
  let url: URL
  var identifier: Identifier?
  var accept: String?
  /// Reads a successful answer; `Unusable` makes it a failed try.
  let read: (Response) throws(Unusable) -> Value

  init(
    _ step: ACMEError.Step, _ method: Method, _ url: URL, identifier: Identifier? = nil,
    accept: String? = nil,
    read: @escaping (Response) throws(Unusable) -> Value
  ) {
    self.step = step
    self.method = method
    self.url = url
    self.identifier = identifier
    self.accept = accept
    self.read = read
  }
}
