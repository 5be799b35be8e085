import HTTP
import JSON
import PKI

/// What a CA remembers.
struct CAState {
  struct Account {
    var key: JWS.Key
    var contact: [String]
    var isDeactivated = false
  }
  struct Authorization {
    let identifier: Identifier
    let token: String
    let account: Int
    var status = "pending"
    var challenge = "pending"
    var error: String?
    /// Reads left until the validation is settled; nil when it was not begun.
    var readsLeft: Int?
    /// How often the challenge was answered.
    var answers = 0
  }
  struct Order {
    let account: Int
    let identifiers: [Identifier]
    let authorizations: [Int]
    let expires: String
    var status = "pending"
    var readsLeft = 0
    var publicKeyInfo: [UInt8] = []
    var error: String?
  }

  var nonces: Set<String> = []
  var counter = 0
  var requests = 0
  var accounts: [Int: Account] = [:]
  var authorizations: [Int: Authorization] = [:]
  var orders: [Int: Order] = [:]
  var revoked: [[UInt8]] = []
  var usedExternalKeys = 0
  var replaced: [String] = []
  var replacesSeen = 0
  var profiles: [String] = []
  var certificatesSent = 0

  mutating func next() -> Int {
    counter += 1
    return counter
  }
}

/// A refusal by the CA.
struct Refusal: Error {
  let status: Int
  /// Nil for an answer without a problem document.
  let kind: String?
  var detail = "no"

  var response: Response {
    guard let kind else {
      return Response(
        status: status, fields: [.init("Content-Type", "text/html")], body: Array("<h1>no</h1>".utf8))
    }
    let text =
      #"{"type":"urn:ietf:params:acme:error:\#(kind)","status":\#(status),"#
      + #""detail":\#(JSONString.quoted(detail))}"#
    return Response(
      status: status, fields: [.init("Content-Type", "application/problem+json")], body: Array(text.utf8))
  }
}

extension FakeCA {
  static func json(_ status: Int, _ text: String, _ fields: Fields = []) -> Response {
    var fields = fields
    fields.add("Content-Type", "application/json")
    return Response(status: status, fields: fields, body: Array(text.utf8))
  }

  static func array(_ items: [String]) -> String { "[" + items.joined(separator: ",") + "]" }

  static func text(_ identifier: Identifier) -> String {
    switch identifier {
    case .dns(let name): #"{"type":"dns","value":"\#(name)"}"#
    case .ip: #"{"type":"ip","value":"\#(identifier)"}"#
    }
  }

  var directoryText: String {
    let info = dialect.hasRenewalInfo ? #","renewalInfo":"\#(Self.base)/renewal""# : ""
    let change = dialect.hasKeyChange ? #""keyChange":"\#(Self.base)/key-change","# : ""
    let external = dialect.externalKey == nil ? "" : #","externalAccountRequired":true"#
    return #"{"newNonce":"\#(Self.base)/nonce","newAccount":"\#(Self.base)/new-account","#
      + #""newOrder":"\#(Self.base)/new-order","revokeCert":"\#(Self.base)/revoke"\#(info),"#
      + change + #""unknown":{"a":1},"meta":{"termsOfService":"https://ca.example/terms","#
      + #""x":1\#(profilesText)\#(external)}}"#
  }

  private var profilesText: String {
    guard let profiles = dialect.profiles else { return "" }
    let list = profiles.map { #""\#($0)":"https://ca.example/\#($0)""# }.joined(separator: ",")
    return #","profiles":{\#(list)}"#
  }

  func text(_ order: CAState.Order, _ id: Int) -> String {
    let authorizations = order.authorizations.map { #""\#(Self.base)/authz/\#($0)""# }
    var text =
      #"{"status":"\#(order.status)","expires":"\#(order.expires)","#
      + #""identifiers":\#(Self.array(order.identifiers.map(Self.text))),"#
      + #""authorizations":\#(Self.array(authorizations)),"finalize":"\#(Self.base)/finalize/\#(id)""#
    if order.status == "valid" { text += #","certificate":"\#(Self.base)/certificate/\#(id)""# }
    if let error = order.error { text += #","error":\#(error)"# }
    return text + "}"
  }

  func text(_ authorization: CAState.Authorization, _ id: Int) -> String {
    let status =
      dialect.isLateWithAuthorizations && authorization.status == "valid" ? "pending" : authorization.status
    return #"{"status":"\#(status)","identifier":\#(Self.text(authorization.identifier)),"#
      + #""challenges":[{"type":"dns-persist-01","status":"odd"},"#
      + #"{"type":"dns-01","url":"\#(Self.base)/other/\#(id)","#
      + #""status":"pending","token":"\#(authorization.token)x"},\#(challengeText(authorization, id))]}"#
  }

  func challengeText(_ authorization: CAState.Authorization, _ id: Int) -> String {
    let error = authorization.error.map { #","error":\#($0)"# } ?? ""
    return
      #"{"type":"http-01","url":"\#(Self.base)/challenge/\#(id)","status":"\#(authorization.challenge)","#
      + #""token":"\#(authorization.token)"\#(error)}"#
  }
}
