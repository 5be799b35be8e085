import Bytes
import PKI
import TLS

/// A presented certificate as the judge sees it; what changes with the time is asked for when it is shown.
struct Standing: Sendable {
  /// The file, or the name in the store.
  let name: String
  let isFile: Bool
  let notBefore: UnixTime
  let notAfter: UnixTime
  /// What stays wrong however the time goes.
  let lasting: [CertificateFinding]

  /// Everything that is wrong now.
  func findings(now: UnixTime) -> [CertificateFinding] {
    [CertificateFinding.ofTime(notBefore: notBefore, notAfter: notAfter, now: now)].compactMap(\.self)
      + lasting
  }

  /// Judges what is presented. Reads the system's roots where there are files.
  static func all(_ presented: [Credential], files: [Credential]) -> [Standing] {
    let judge = CertificateJudge()
    let fileNames = Set(files.map(\.label))
    return presented.compactMap { credential in
      guard let chain = credential.pkiChain else { return nil }
      let isFile = fileNames.contains(credential.label)
      // What a CA has given is whole, and the CA need not be one of this system's.
      let lasting = isFile ? judge.lastingFindings(chain) : judge.keyFindings(chain)
      return Standing(
        name: credential.label, isFile: isFile, notBefore: chain.leaf.notBefore,
        notAfter: chain.leaf.notAfter, lasting: lasting)
    }
  }
}
