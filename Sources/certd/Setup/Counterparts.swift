import ACME
import Configuration
import DNS
import PKI
import Upstream

// What the configuration names and another module does. Each is a switch, so that a name that only one of them knows does
// not compile.

extension BalancingPolicy {
  /// The policy itself.
  var upstream: Balancer.Policy {
    switch self {
    case .roundRobin: .roundRobin
    case .leastRequest: .leastRequest
    case .modelAware: .modelAware
    }
  }
}

extension KeyAlgorithm {
  /// The kind of key that is made.
  var pki: KeyType {
    switch self {
    case .ecP256: .ecP256
    case .ecP384: .ecP384
    case .rsa2048: .rsa2048
    case .rsa3072: .rsa3072
    case .rsa4096: .rsa4096
    }
  }
}

extension MACAlgorithm {
  /// What binds an external account.
  var acme: ExternalAccountBinding.Algorithm {
    switch self {
    case .hs256: .hs256
    case .hs384: .hs384
    case .hs512: .hs512
    }
  }
}

extension TSIGAlgorithm {
  /// What signs dynamic updates.
  var dns: TransactionKey.Algorithm {
    switch self {
    case .hmacSHA256: .hmacSHA256
    case .hmacSHA384: .hmacSHA384
    case .hmacSHA512: .hmacSHA512
    }
  }
}
