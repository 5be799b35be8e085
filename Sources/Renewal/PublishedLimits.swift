/// The limits that well-known CAs have published, as data.
public enum PublishedLimits {
  private static let hour: Int64 = 3600
  private static let week: Int64 = 7 * 86_400

  /// Let's Encrypt's figures (letsencrypt.org/docs/rate-limits).
  private static let letsEncrypt: [IssuerLimit] = [
    IssuerLimit(.registrations, most: 10, windowSeconds: 3 * hour),
    IssuerLimit(.orders, most: 300, windowSeconds: 3 * hour),
    IssuerLimit(.certificatesPerRegisteredDomain, most: 50, windowSeconds: week),
    IssuerLimit(.certificatesPerNameSet, most: 5, windowSeconds: week),
    IssuerLimit(.failedValidations, most: 5, windowSeconds: hour),
  ]

  /// Let's Encrypt's figures for its staging environment (letsencrypt.org/docs/staging-environment).
  private static let letsEncryptStaging: [IssuerLimit] = [
    IssuerLimit(.registrations, most: 50, windowSeconds: 3 * hour),
    IssuerLimit(.orders, most: 1500, windowSeconds: 3 * hour),
    IssuerLimit(.certificatesPerRegisteredDomain, most: 30_000, windowSeconds: week),
    IssuerLimit(.certificatesPerNameSet, most: 30_000, windowSeconds: week),
    IssuerLimit(.failedValidations, most: 200, windowSeconds: hour),
  ]

  /// Google publishes a quota of requests for certificates per account and hour; it is told by 429 what else holds.
  private static let google: [IssuerLimit] = [IssuerLimit(.orders, most: 100, windowSeconds: hour)]

  /// By the host of the directory; none for hosts that are not known.
  public static func of(host: String) -> [IssuerLimit] {
    switch host {
    case "acme-v02.api.letsencrypt.org": letsEncrypt
    case "acme-staging-v02.api.letsencrypt.org": letsEncryptStaging
    case "dv.acme-v02.api.pki.goog", "dv.acme-v02.test-api.pki.goog": google
    default: []
    }
  }
}
