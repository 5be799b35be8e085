import Bytes
import CertStore
import PKI
import Renewal
import StoreFixtures

let now = TestAuthority.now
let day: Int64 = 86_400
let example = LineageName(.dns("example.com"))

/// A wanted certificate; a test names what matters to it.
func managed(
  _ name: String = "example.com", keyType: KeyType = .ecP256, issuer: String = "ca", hooks: [String] = []
) -> ManagedCertificate {
  ManagedCertificate(
    name: LineageName(.dns(name)), identifiers: [.dns(name)], keyType: keyType, issuer: issuer,
    deploys: hooks.map { .command(text: $0, timeoutSeconds: 60) })
}

/// A held certificate that fits `managed()`, of 90 days with 80 left.
func held(
  _ identifiers: Set<String> = ["example.com"], isRebuilt: Bool = false, keyType: String? = "ec-p256",
  issuer: String? = "ca", lifetime: Int64 = 90 * day, left: Int64 = 80 * day, isStale: Bool = false
) -> HeldCertificate {
  HeldCertificate(
    identifiers: identifiers, isRebuilt: isRebuilt, keyType: keyType, issuer: issuer,
    notBefore: now + left - lifetime, notAfter: now + left, certificateID: "id.1", isStale: isStale)
}

/// An entry about `managed()` so many seconds ago.
func entry(
  _ event: LedgerEntry.Event, _ secondsAgo: Int64, failure: LedgerEntry.Failure? = nil,
  retryAfter: UnixTime? = nil, name: String = "example.com", issuer: String = "ca"
) -> LedgerEntry {
  LedgerEntry(
    at: now - secondsAgo, event: event, name: LineageName(.dns(name)), issuer: issuer, identifiers: [name],
    failure: failure, retryAfter: retryAfter)
}

extension Action.Decision {
  /// Issue it now, at the only issuer.
  static func renew(_ reason: RenewalReason) -> Action.Decision { .renew(reason, IssuerChoice("ca")) }
}
