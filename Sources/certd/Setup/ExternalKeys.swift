import Bytes
import Configuration
import FoundationEssentials
import GCP
import HTTP
import HTTPClient
import OS
import Renewal

/// Asks the CAs that hand out external accounts' keys by themselves (RFC 8555 §7.3.4).
struct ExternalKeys {
  let world: World
  let configuration: Configuration
  let warn: @Sendable (String) -> Void

  /// ZeroSSL's interface for keys by mail address; `CERTD_ZEROSSL_EAB_ENDPOINT` overrides it.
  private static let zeroSSLEndpoint = "https://api.zerossl.com/acme/eab-credentials-email"
  private static let zeroSSLVariable = "CERTD_ZEROSSL_EAB_ENDPOINT"

  /// How a key is had from somebody.
  func fetch(_ origin: ExternalAccountOrigin) -> ExternalKeyFetch {
    switch origin {
    case .google:
      return { [self] in
        let session = try await GoogleCloud.open(configuration, world, warn: warn).session
        let key = try await session.makeExternalAccountKey()
        return (key.keyID, key.key)
      }
    case .zerossl: return { [self] in try await zeroSSL() }
    }
  }

  private struct Answer: Decodable {
    struct Reason: Decodable { let type: String? }
    let success: Bool?
    let eab_kid: String?
    let eab_hmac_key: String?
    let error: Reason?
  }

  private func zeroSSL() async throws(SetupError) -> (keyID: String, key: String) {
    let named = Subprocess.inheritedEnvironment()[Self.zeroSSLVariable] ?? ""
    guard let email = configuration.acme.email else {
      throw .configuration("ZeroSSL gives keys to mail addresses: set acme.email")
    }
    guard let url = URL(named.isEmpty ? Self.zeroSSLEndpoint : named) else {
      throw .configuration("\(Self.zeroSSLVariable) is not a URL")
    }
    let fields: Fields = [
      .init("Content-Type", "application/x-www-form-urlencoded"), .init("Accept", "application/json"),
      .init("User-Agent", "certd/\(Version.text)"),
    ]
    let form = Array("email=\(Self.escaped(email))".utf8)
    let response: HTTP.Response
    do throws(HTTPClientError) {
      response = try await world.client.send(Request("POST", url, fields: fields, body: form))
    } catch { throw .other("\(url.host) could not be asked for a key: \(error)") }
    let answer = try? JSONDecoder().decode(Answer.self, from: Data(response.body))
    guard response.status == 200, let name = answer?.eab_kid, let key = answer?.eab_hmac_key else {
      let reason =
        answer?.error?.type.map { ": \($0.filter { $0.isASCII && !$0.isNewline }.prefix(200))" } ?? ""
      throw .other("\(url.host) gave no key for \(email) (status \(response.status)\(reason))")
    }
    return (name, key)
  }

  /// As it may stand in a form: all but the unreserved characters escaped (RFC 3986 §2.1).
  private static func escaped(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        out.unicodeScalars.append(Unicode.Scalar(byte))
      default: out += "%" + Hex.encode([byte]).uppercased()
      }
    }
    return out
  }
}
