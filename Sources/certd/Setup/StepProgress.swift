import ACME
import OS
import PKI
import Synchronization

/// Shows what a CA is being asked for: one line that is drawn again on a terminal, a line a step elsewhere, and there only of
/// what takes longer than a second.
final class StepProgress: Sendable {
  /// From when on steps are worth a line, in nanoseconds.
  private static let silenceNanoseconds: UInt64 = 1_000_000_000

  private let isDrawn: Bool
  private let began = Clock.monotonicNanoseconds()
  private let shown = Mutex("")

  /// Drawn where standard error is a terminal that can do it, and nobody wishes for plain text.
  init() {
    let environment = Subprocess.inheritedEnvironment()
    let isPlain = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
    isDrawn = Sys.isTerminal(2) && !isPlain
  }

  /// Tells of a step at an issuer.
  func step(_ issuer: String, _ step: ACMEError.Step, _ identifier: Identifier?) {
    guard let words = Self.words(step) else { return }
    let text = "\(issuer): \(words)\(identifier.map { " for \($0)" } ?? "")"
    shown.withLock { last in
      guard text != last else { return }
      last = text
      if isDrawn {
        Output.write(2, "\r\u{1B}[K\(text) …")
      } else if Clock.monotonicNanoseconds() - began >= Self.silenceNanoseconds {
        Output.error("certd: \(text)")
      }
    }
  }

  /// Takes the line away, before something else is written.
  func clear() {
    shown.withLock { last in
      if isDrawn, !last.isEmpty { Output.write(2, "\r\u{1B}[K") }
      last = ""
    }
  }

  private static func words(_ step: ACMEError.Step) -> String? {
    switch step {
    case .nonce: nil
    case .directory: "asking for its directory"
    case .account: "looking up the account"
    case .newOrder: "placing the order"
    case .order: "waiting for the order"
    case .authorization: "waiting for the proof"
    case .challenge: "proving the name"
    case .finalize: "asking for the certificate"
    case .certificate: "fetching the certificate"
    case .revocation: "revoking"
    case .renewalInfo: "asking when to renew"
    }
  }
}
