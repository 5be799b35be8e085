public import Bytes
internal import HTTP

/// When a CA wants a certificate to be renewed (RFC 9773 §4.2).
public struct RenewalInfo: Sendable, Equatable {
  /// The first moment of the suggested window.
  public let start: UnixTime
  /// The last moment of the suggested window, after `start`.
  public let end: UnixTime
  /// Where the CA explains an unusual window.
  public let explanationURL: String?
  /// When to ask again: the CA's wish, at least a minute and at most a day from now (§4.3).
  public let askAgainAt: UnixTime

  /// The shortest time between two questions, in seconds.
  public static let shortestIntervalSeconds: Int64 = 60
  /// The longest time between two questions, in seconds.
  public static let longestIntervalSeconds: Int64 = 86_400
  /// The time between two questions when the CA does not tell, in seconds.
  public static let usualIntervalSeconds: Int64 = 6 * 3600
}

private struct WireRenewalInfo: Decodable {
  struct Window: Decodable {
    let start: String
    let end: String
  }
  let suggestedWindow: Window
  let explanationURL: String?
}

extension Client {
  /// The renewal information of a certificate, by its `ariCertID`; nil when the CA has none to give.
  public func renewalInfo(for certID: String) async throws(ACMEError) -> RenewalInfo? {
    guard let base = try await directory().renewalInfo else { return nil }
    let text = base.description
    guard let url = URL(text.hasSuffix("/") ? text + certID : "\(text)/\(certID)") else {
      throw ACMEError(.renewalInfo, .local("\(certID) is no certificate's name"))
    }
    let limit = options.limits.jsonBytes
    let now = environment.now
    return try await perform(
      Call(.renewalInfo, .get, url) { (answer) throws(Unusable) in
        let wire = try ACMEJSON.decode(WireRenewalInfo.self, answer.body, limitInBytes: limit)
        guard let start = UnixTime(rfc3339: wire.suggestedWindow.start),
          let end = UnixTime(rfc3339: wire.suggestedWindow.end), start < end
        else { throw Unusable(reason: "the suggested window is none") }
        let wish = RetryAfter(answer.fields)?.seconds(from: now()) ?? RenewalInfo.usualIntervalSeconds
        let interval = min(
          max(wish, RenewalInfo.shortestIntervalSeconds), RenewalInfo.longestIntervalSeconds)
        return RenewalInfo(
          start: start, end: end, explanationURL: wire.explanationURL, askAgainAt: now() + interval)
      })
  }
}
