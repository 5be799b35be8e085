import Configuration
import PKI
import Renewal

/// Judges the certificates that are served, as `check`, `status` and the daemon do.
struct CertificateLook {
  private let judge = CertificateJudge()

  /// Those of the configuration's files.
  func files(_ configuration: Configuration) -> [Finding] {
    Credentials.load(configuration).broken.map { Finding(.problem, "certificate file", $0.reason) }
      + Credentials.remarks(configuration).map {
        Finding(.warning, "certificate file", "\($0.file): \($0.words)")
      }
  }

  /// One of the store.
  func stored(_ name: String, _ chain: CertificateChain, _ configuration: Configuration) -> [Finding] {
    let found = judge.findings(chain, now: World.now()).map { finding in
      let severity: Finding.Severity = if case .expired = finding { .problem } else { .warning }
      return Finding(severity, "certificate", "\(name): \(finding)")
    }
    let unused = Credentials.unused(chain.leaf, configuration).map {
      Finding(.warning, "certificate", "\(name): \($0)", remedy: "remove it, or name it in a route")
    }
    if found.isEmpty, unused.isEmpty {
      return [Finding(.ok, "certificate", "\(name) is valid until \(chain.leaf.notAfter)")]
    }
    return found + unused
  }

  /// What Google's load balancer needs of the backends' firewall: nothing tells from here whether it is so.
  static func firewall(_ configuration: Configuration) -> [Finding] {
    guard configuration.gcp?.loadBalancer != nil else { return [] }
    return [
      Finding(
        .ok, "firewall",
        "the backends' must let in 35.191.0.0/16 and 130.211.0.0/22, from which Google's health checks and proxies come"
      )
    ]
  }
}
