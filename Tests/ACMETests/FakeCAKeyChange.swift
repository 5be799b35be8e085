import Bytes
import FoundationEssentials
import HTTP

/// Key rollover, as strict as RFC 8555 §7.3.5 is.
extension FakeCA {
  private struct KeyChange: Decodable {
    let account: String
    let oldKey: JWS.Key
  }

  func changeKey(_ jws: JWS, _ id: Int) throws -> Response {
    guard !dialect.lacksKeyChange else { throw Refusal(status: 501, kind: "serverInternal") }
    let inner = try JWS(jws.payload)
    let change = try JSONDecoder().decode(KeyChange.self, from: Data(inner.payload))
    guard let new = inner.header.jwk, inner.header.kid == nil, inner.header.nonce == nil,
      inner.header.url == jws.header.url, inner.isSigned(by: new),
      change.account == Self.base + "/account/\(id)",
      var account = state.accounts[id], account.key == change.oldKey
    else { throw Refusal(status: 400, kind: "malformed", detail: "key change") }
    if let (other, _) = state.accounts.first(where: { $0.value.key == new }) {
      throw Refusal(status: 409, kind: "malformed", detail: "the key of account \(other)")
    }
    account.key = new
    state.accounts[id] = account
    return Response(status: 200)
  }
}
