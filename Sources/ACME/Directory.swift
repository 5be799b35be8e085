internal import Bytes
public import HTTP

/// A CA's directory (RFC 8555 §7.1.1): where its resources are and what it wants.
public struct Directory: Sendable, Equatable {
  /// Where nonces come from.
  public let newNonce: URL
  /// Where accounts are made and found.
  public let newAccount: URL
  /// Where orders are made.
  public let newOrder: URL
  /// Where certificates are revoked; some CAs cannot.
  public let revokeCert: URL?
  /// Where account keys are changed (RFC 8555 §7.3.5); some CAs cannot.
  public let keyChange: URL?
  /// Where renewal information is (RFC 9773 §4.1), if the CA has it.
  public let renewalInfo: URL?
  /// The terms of service that an account agrees to.
  public let termsOfService: String?
  /// Whether a new account must be bound to one made elsewhere.
  public let externalAccountRequired: Bool
  /// The certificate profiles on offer and what they are; empty when the CA has none.
  public let profiles: [String: String]
  /// The domain names by which CAA records allow this CA to issue (RFC 8555 §9.7.6); empty when it does not tell.
  public let caaIdentities: [String]
}

extension Directory: Decodable {
  private enum Keys: String, CodingKey {
    case newNonce, newAccount, newOrder, revokeCert, keyChange, renewalInfo, meta
  }
  private enum MetaKeys: String, CodingKey {
    case termsOfService, externalAccountRequired, profiles, caaIdentities
  }

  /// Reads a directory; the three resources without which nothing works must be there.
  public init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: Keys.self)
    newNonce = try object.decode(WireURL.self, forKey: .newNonce).url
    newAccount = try object.decode(WireURL.self, forKey: .newAccount).url
    newOrder = try object.decode(WireURL.self, forKey: .newOrder).url
    revokeCert = try object.decodeIfPresent(WireURL.self, forKey: .revokeCert)?.url
    keyChange = try object.decodeIfPresent(WireURL.self, forKey: .keyChange)?.url
    renewalInfo = try object.decodeIfPresent(WireURL.self, forKey: .renewalInfo)?.url
    let meta = try? object.nestedContainer(keyedBy: MetaKeys.self, forKey: .meta)
    termsOfService = try? meta?.decodeIfPresent(String.self, forKey: .termsOfService)
    externalAccountRequired = (try? meta?.decode(Bool.self, forKey: .externalAccountRequired)) ?? false
    profiles = (try? meta?.decode([String: String].self, forKey: .profiles)) ?? [:]
    caaIdentities = (try? meta?.decode([String].self, forKey: .caaIdentities)) ?? []
  }
}

/// An absolute URL in a JSON object.
struct WireURL: Decodable {
  let url: URL
  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let url = URL(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a URL")
    }
    self.url = url
  }
}

extension Client {
  /// The CA's directory, read anew once it is an hour old.
  public func directory() async throws(ACMEError) -> Directory {
    let now = environment.now()
    if let (directory, readAt) = knownDirectory, (0..<options.limits.directorySeconds).contains(now - readAt)
    {
      return directory
    }
    let limit = options.limits.jsonBytes
    let directory = try await perform(
      Call(.directory, .get, directoryURL) { (answer) throws(Unusable) in
        try ACMEJSON.decode(Directory.self, answer.body, limitInBytes: limit)
      })
    knownDirectory = (directory, now)
    return directory
  }
}
