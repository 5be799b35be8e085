internal import ACME
internal import CertStore
internal import DNS
internal import Exchange
internal import GCP
internal import PKI
internal import Proxy
internal import Telemetry
internal import Upstream

// Other modules' settings as this one reads them: which of them have defaults, and the words of their choices.

extension Configuration: Defaulted {}
extension LogSettings: Defaulted {}
extension AccessSettings.Rotation: Defaulted {}
extension HealthCheck: Defaulted {}
extension CacheEventPlace: Defaulted {}
extension BackendTLS: Defaulted {}
extension Proxy.Limits: Defaulted {}
extension ForwardedFields: Defaulted {}
extension CircuitBreakers: Defaulted {}
extension KubernetesService: Defaulted {}
extension DockerContainers: Defaulted {}
extension GroupRule: Defaulted {}
extension OutlierDetection: Defaulted {}
extension OutlierDetection.SuccessRate: Defaulted {}
extension OutlierDetection.Latency: Defaulted {}
extension Settings.ServiceRules: Defaulted {}
extension Settings.Timeouts: Defaulted {}
extension Settings.Retries: Defaulted {}
extension Settings.Queue: Defaulted {}
extension Settings.Compression: Defaulted {}
extension Settings.Hedging: Defaulted {}
extension Settings.CrossOrigin: Defaulted {}
extension Settings.RouteRules: Defaulted {}
extension Settings.RequestMatch: Defaulted {}
extension BasicAuthSettings: Defaulted {}
extension ForwardAuthSettings: Defaulted {}
extension Settings.Redirect: Defaulted {}
extension Settings.DirectAnswer: Defaulted {}
extension Settings.RouteLimits: Defaulted {}
extension Settings.ServiceOverrides: Defaulted {}
extension Settings.Redirect.Scheme: WordValue {}
extension Settings.MessageEdits: Defaulted {}

extension BackendHost: ParsedText {}
extension ListenAddress: ParsedText {}
extension StatusRange: ParsedText {}

extension ServiceKind: WordValue {}
extension ServiceProtocol: WordValue {}
extension LogSettings.Format: WordValue {}
extension Target.Kind: WordValue {}
extension Target.Route: WordValue {}
extension ChainSettings.Kind: WordValue {}
extension LoadBalancerSettings.Affinity: WordValue {}
extension ChainEndpoints.Kind: WordValue {}
extension Listener.TLSProfile: WordValue {}
extension ClientCertificates.Mode: WordValue {}

extension Settings.Normalization: WordValue {
  var word: String {
    switch self {
    case .reject: "reject"
    }
  }
}

extension Settings.ClientCertificate: WordValue {
  var word: String {
    switch self {
    case .required: "required"
    }
  }
}

extension Log.Level: WordValue {
  var word: String {
    switch self {
    case .debug: "debug"
    case .info: "info"
    case .warn: "warn"
    case .error: "error"
    }
  }
}

extension ProxyProtocol.Version: WordValue {
  var word: String {
    switch self {
    case .v1: "v1"
    case .v2: "v2"
    }
  }
}

extension Balancer.Policy: WordValue {
  var word: String {
    switch self {
    case .roundRobin: "round-robin"
    case .leastRequest: "least-request"
    case .modelAware: "model-aware"
    case .random: "random"
    case .powerOfTwoChoices: "p2c"
    case .peakEWMA: "peak-ewma"
    case .ringHash: "ring-hash"
    case .maglev: "maglev"
    }
  }

  /// What holds for a kind where the file says nothing.
  static func standard(for kind: ServiceKind) -> Balancer.Policy {
    kind.isModelServer ? .modelAware : Settings.ServiceRules().policy
  }
}

extension ACMESettings: Defaulted {}
extension TLSALPN01Settings: Defaulted {}
extension HTTP01Settings: Defaulted {}
extension DNSSettings: Defaulted {}
extension FileCopies: Defaulted {}
extension KubernetesSecret: Defaulted {}
extension ACMCertificate: Defaulted {}
extension KeyVaultCertificate: Defaulted {}
extension VaultSecret: Defaulted {}
extension ClientCertificates: Defaulted {}
extension GCPSettings: Defaulted {}
extension Endpoints: Defaulted {}
extension LoadBalancerSettings: Defaulted {}
extension LoadBalancerGroup: Defaulted {}
extension MadeEndpointGroup: Defaulted {}
extension DNSUpdateSettings: Defaulted {}
extension ExternalAccountOrigin: WordValue {}
extension ExternalAccountBinding.Algorithm: WordValue {}
extension TransactionKey.Algorithm: WordValue {}
extension KeyType: WordValue {}
extension ChallengeType: WordValue {}

// What stands in a list or under a name has parts that must be written: these are read first, and stand in here for
// whoever asks for the defaults of the others.

extension Service: Defaulted {
  init() { self.init(name: "", origin: .none) }
}

extension Backend: Defaulted {
  init() { self.init(address: .unix(path: ""), origin: .none) }
}

extension BackendGroup: Defaulted {
  init() { self.init(origin: .none) }
}

extension Listener: Defaulted {
  init() { self.init(address: ListenAddress(host: nil, port: 0), origin: .none) }
}

extension ExternalAccount: Defaulted {
  init() { self.init(keyIdentifier: "", keyFile: "") }
}
