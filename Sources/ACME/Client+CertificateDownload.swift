internal import HTTP
public import PKI

extension Client {
  /// Downloads the chain of a valid order (RFC 8555 §7.4.2) and, if another chain is preferred, the
  /// alternates until one leads to that issuer. Garbage and a chain for another key or name are asked for
  /// again.
  func download(_ url: URL, _ request: IssuanceRequest) async throws(ACMEError) -> CertificateChain {
    let (chain, alternates) = try await perform(certificate(at: url, request))
    guard let wanted = request.preferredIssuer, !chain.leads(to: wanted) else { return chain }
    for alternate in alternates.prefix(options.limits.alternateChains) {
      // The default chain is good: an alternate that cannot be had must not cost the issuance.
      guard let (other, _) = try? await perform(certificate(at: alternate, request)) else { continue }
      if other.leads(to: wanted) { return other }
    }
    return chain
  }

  private func certificate(at url: URL, _ request: IssuanceRequest) -> Call<(CertificateChain, [URL])> {
    let limit = options.limits.chainBytes
    let now = environment.now
    return Call(
      .certificate, .post(payload: nil, by: .account), url, accept: "application/pem-certificate-chain"
    ) { (answer) throws(Unusable) in
      guard answer.body.count <= limit else { throw Unusable(reason: "longer than \(limit) bytes") }
      do throws(PKIError) {
        let chain = try CertificateChain(pem: answer.body)
        try chain.check(key: request.key, identifiers: request.identifiers, now: now())
        return (chain, Link.targets("alternate", in: answer.fields, base: url))
      } catch {
        throw Unusable(reason: error.description)
      }
    }
  }
}

extension CertificateChain {
  /// Whether the chain's last certificate is, or was issued by, a CA with that common name.
  public func leads(to commonName: String) -> Bool {
    let last = intermediates.last ?? leaf
    if last.commonName == commonName { return true }
    return last.issuer == "CN=\(commonName)" || last.issuer.hasPrefix("CN=\(commonName),")
  }
}
