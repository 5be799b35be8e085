import Bytes
import CertStore
import PKI

/// Why a certificate is to be issued now.
public enum RenewalReason: String, Sendable, Equatable {
  /// There is none yet.
  case missing
  /// It is wanted for other names.
  case identifiersChanged = "other names are wanted"
  /// It is wanted with another type of key.
  case keyTypeChanged = "another type of key is wanted"
  /// It is wanted from another issuer, or the issuer has another root.
  case issuerChanged = "another issuer is wanted"
  /// The time chosen from the CA's window has come.
  case advised = "the CA suggests it"
  /// Too little of its lifetime is left.
  case lifetime = "its lifetime runs out"
  /// Others may have its key.
  case compromised = "its key is compromised"
  /// An operator wants it.
  case forced = "forced"
}

/// When a certificate is due, by itself: no failure and no limit is looked at.
enum DueRule {
  /// Now, for a reason, or later.
  enum Verdict: Equatable {
    case due(RenewalReason)
    case later(UnixTime)
  }

  static func judge(
    _ wanted: ManagedCertificate, _ held: HeldCertificate?, _ record: RenewalRecord?, now: UnixTime,
    nextWakeAt: UnixTime
  ) -> Verdict {
    guard let held else { return .due(.missing) }
    if held.isCompromised { return .due(.compromised) }
    let names = wanted.identifierTexts
    if held.isRebuilt ? !names.isSubset(of: held.identifiers) : names != held.identifiers {
      return .due(.identifiersChanged)
    }
    if held.keyType != wanted.keyType.rawValue { return .due(.keyTypeChanged) }
    if held.isStale || held.issuer.map({ !wanted.isIssued(by: $0) }) ?? false { return .due(.issuerChanged) }

    let byLifetime = lifetimeDue(held)
    if let record, record.certificateID == held.certificateID, let chosen = record.chosen {
      // Of a short life, waiting for the next regular look is too large a part.
      if chosen <= min(nextWakeAt, now + held.lifetimeSeconds / Policy.lookAheadDivisor) {
        return .due(.advised)
      }
      // A window that begins when the certificate is as good as expired is a mistake.
      let last = lastMoment(held)
      return last <= now ? .due(.lifetime) : .later(min(chosen, last))
    }
    return byLifetime <= now ? .due(.lifetime) : .later(byLifetime)
  }

  /// When a third of the lifetime is left, or half of it if that is some days: time for a few attempts more. A life of
  /// hours has no use for those, and would be renewed too often.
  static func lifetimeDue(_ held: HeldCertificate) -> UnixTime {
    let lifetime = held.lifetimeSeconds
    let isShort = lifetime >= Policy.briefLifetimeSeconds && lifetime < Policy.shortLifetimeSeconds
    return held.notAfter - lifetime / (isShort ? 2 : 3)
  }

  private static func lastMoment(_ held: HeldCertificate) -> UnixTime {
    held.notAfter - held.lifetimeSeconds / Policy.lastMomentDivisor
  }
}
