internal import Bytes
internal import HTTP
internal import JSON
internal import PKI

private struct KeyChange: Encodable {
  let account: String
  let oldKey: JWK

  /// A public key that is JSON text already.
  struct JWK: Encodable {
    let text: String
    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      try container.encode(ACMEJSON.decode([String: String].self, Array(text.utf8), limitInBytes: 16 << 10))
    }
  }
}

extension Client {
  /// Gives the account another key (RFC 8555 §7.3.5). The caller has stored the new key already, and keeps both until it
  /// knows which one holds: after a lost answer `existingAccount` of either key tells.
  ///
  /// Throws `local` when the CA has no key rollover; some advertise it and answer 501.
  public func changeKey(to new: any Signer) async throws(ACMEError) {
    try await ensureAccount()
    guard let url = try await directory().keyChange else {
      throw ACMEError(.account, .local("this CA offers no key rollover; register a new account instead"))
    }
    guard let accountURL else { return }
    let inner: [UInt8]
    do {
      let payload = ACMEJSON.encode(
        KeyChange(account: accountURL.description, oldKey: .init(text: signer.jwk)))
      let header = JSONWriter.text {
        $0.object {
          $0.member("alg", new.algorithm)
          $0.name("jwk")
          $0.raw(new.jwk)
          $0.member("url", url.description)
        }
      }
      inner = try JOSE.flattened(header: header, payload: payload, sign: new.sign)
    } catch { throw ACMEError(.account, .local("the new key cannot sign: \(error)")) }
    let call = Call<Void>(.account, .post(payload: inner, by: .account), url) { _ in }
    try await perform(call) { (failure) throws(ACMEError) -> Void? in
      if case .refused(501, _, _) = failure {
        throw ACMEError(
          .account, .local("this CA does not support key rollover (501); register a new account instead"))
      }
      // The first try may have taken effect: then the old key is unknown by now.
      return try await self.holds(new, accountURL) ? () : nil
    }
    signer = new
  }

  /// Whether the CA knows the account by this key.
  private func holds(_ key: any Signer, _ url: URL) async throws(ACMEError) -> Bool {
    let probe = Client(
      directoryURL: directoryURL, transport: transport, signer: key, environment: environment,
      options: options.forProbe)
    do throws(ACMEError) { return try await probe.existingAccount()?.url == url } catch {
      if case .cancelled = error.cause { throw error }
      return false
    }
  }
}

extension Options {
  /// The same for another key: nothing is known of its account.
  fileprivate var forProbe: Options {
    var options = self
    options.accountURL = nil
    return options
  }
}
