import Bytes
import PKI
import TLS

/// A presented certificate as the judge sees it; what changes with the time is asked for when it is shown.
struct Standing: Sendable {
  /// As it is presented.
  let chain: [[UInt8]]
  /// The file, or the name in the store.
  let name: String
  let isFile: Bool
  /// What it is for.
  let names: [String]
  /// Who has issued it, in the certificate's words.
  let issuer: String
  let notBefore: UnixTime
  let notAfter: UnixTime
  /// What stays wrong however the time goes.
  let lasting: [CertificateFinding]

  /// Everything that is wrong now.
  func findings(now: UnixTime) -> [CertificateFinding] {
    [CertificateFinding.ofTime(notBefore: notBefore, notAfter: notAfter, now: now)].compactMap(\.self)
      + lasting
  }

  /// Judges what is presented. Those that are known already are not judged again: for files that takes the system's roots.
  static func all(
    _ presented: [Credential], files: [Credential], known: [Standing], _ judge: CertificateJudge = .init()
  ) -> [Standing] {
    let fileNames = Set(files.map(\.label))
    let before = Dictionary(known.map { ($0.chain, $0) }, uniquingKeysWith: { first, _ in first })
    return presented.compactMap { credential in
      if let one = before[credential.chain], one.name == credential.label { return one }
      guard let chain = credential.pkiChain else { return nil }
      let isFile = fileNames.contains(credential.label)
      // What a CA has given is whole, and the CA need not be one of this system's.
      let lasting = isFile ? judge.lastingFindings(chain) : judge.keyFindings(chain)
      return Standing(
        chain: credential.chain, name: credential.label, isFile: isFile,
        names: chain.leaf.identifiers.map(\.description), issuer: chain.leaf.issuer,
        notBefore: chain.leaf.notBefore, notAfter: chain.leaf.notAfter, lasting: lasting)
    }
  }
}
