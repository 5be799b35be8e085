import EndToEnd
import FakeGoogle
import TestRun
import Testing

/// `certd gcp import` as the user of another program meets it: the file that it writes takes the chain over.
@Suite(.ownThread) struct ImportTests {
  private static let base = "https://www.googleapis.com/compute/v1/projects/demo-project"

  /// What both programs have made, as Google has it.
  private static func seed(_ google: FakeGoogle) throws {
    try google.seed("zones/us-central1-a/instanceGroups", ["name": "vllm"])
    try google.seed(
      "global/healthChecks",
      [
        "name": "llm-health", "type": "HTTP", "checkIntervalSec": 10, "timeoutSec": 5, "healthyThreshold": 2,
        "unhealthyThreshold": 3, "httpHealthCheck": ["requestPath": "/health", "port": 8000],
      ])
    try google.seed(
      "global/backendServices",
      [
        "name": "llm-backend", "protocol": "HTTP", "portName": "vllm", "timeoutSec": 600,
        "loadBalancingScheme": "EXTERNAL_MANAGED", "healthChecks": ["global/healthChecks/llm-health"],
        "backends": [
          [
            "group": "zones/us-central1-a/instanceGroups/vllm", "balancingMode": "UTILIZATION",
            "maxUtilization": .number(0.7),
          ]
        ],
      ])
    try google.seed(
      "global/urlMaps", ["name": "llm-map", "defaultService": "global/backendServices/llm-backend"])
    let domains: JSON = ["domains": ["llm.example.com"]]
    try google.seed("global/sslCertificates", ["name": "llm-cert", "type": "MANAGED", "managed": domains])
    google.tamper("global/sslCertificates/llm-cert") { $0["managed"]?["status"] = "ACTIVE" }
    try google.seed(
      "global/targetHttpsProxies",
      [
        "name": "llm-https", "urlMap": "global/urlMaps/llm-map",
        "sslCertificates": ["global/sslCertificates/llm-cert"],
      ])
    try google.seed("global/addresses", ["name": "llm-ip"])
    try google.seed(
      "global/forwardingRules",
      [
        "name": "llm-rule", "target": "global/targetHttpsProxies/llm-https", "portRange": "443-443",
        "IPAddress": "global/addresses/llm-ip", "loadBalancingScheme": "EXTERNAL_MANAGED",
        "IPProtocol": "TCP",
      ])
  }

  private static var pulumi: String {
    func one(_ type: String, _ name: String, _ place: String, _ members: String) -> String {
      """
      {"urn": "urn:pulumi:dev::llm::gcp:compute/\(type)::\(name)", "type": "gcp:compute/\(type)", "custom": true,
       "id": "projects/demo-project/\(place)/\(name)", "inputs": {},
       "outputs": {"name": "\(name)", "project": "demo-project", "selfLink": "\(base)/\(place)/\(name)", \(members)}}
      """
    }
    let all = [
      #"{"urn": "urn:pulumi:dev::llm::pulumi:pulumi:Stack::llm-dev", "type": "pulumi:pulumi:Stack"}"#,
      one(
        "healthCheck:HealthCheck", "llm-health", "global/healthChecks",
        """
        "checkIntervalSec": 10, "timeoutSec": 5, "healthyThreshold": 2, "unhealthyThreshold": 3,
        "httpHealthCheck": {"requestPath": "/health", "port": 8000}, "type": "HTTP"
        """),
      one(
        "backendService:BackendService", "llm-backend", "global/backendServices",
        """
        "protocol": "HTTP", "portName": "vllm", "timeoutSec": 600, "loadBalancingScheme": "EXTERNAL_MANAGED",
        "healthChecks": "\(base)/global/healthChecks/llm-health", "enableCdn": true,
        "backends": [{"group": "\(base)/zones/us-central1-a/instanceGroups/vllm", "balancingMode": "UTILIZATION",
          "maxUtilization": 0.7, "capacityScaler": 1}]
        """),
      one(
        "uRLMap:URLMap", "llm-map", "global/urlMaps",
        #""defaultService": "\#(base)/global/backendServices/llm-backend""#),
      one(
        "managedSslCertificate:ManagedSslCertificate", "llm-cert", "global/sslCertificates",
        #""managed": {"domains": ["llm.example.com."]}"#),
      one(
        "targetHttpsProxy:TargetHttpsProxy", "llm-https", "global/targetHttpsProxies",
        """
        "urlMap": "\(base)/global/urlMaps/llm-map", "sslCertificates": ["\(base)/global/sslCertificates/llm-cert"]
        """),
      one("globalAddress:GlobalAddress", "llm-ip", "global/addresses", #""address": "203.0.113.2""#),
      one(
        "globalForwardingRule:GlobalForwardingRule", "llm-rule", "global/forwardingRules",
        """
        "target": "\(base)/global/targetHttpsProxies/llm-https", "portRange": "443-443", "ipAddress": "203.0.113.2",
        "loadBalancingScheme": "EXTERNAL_MANAGED"
        """),
      one("network:Network", "net", "global/networks", #""autoCreateSubnetworks": true"#),
    ]
    return #"{"version": 3, "deployment": {"resources": [\#(all.joined(separator: ",\n"))]}}"#
  }

  private static var terraform: String {
    func one(_ type: String, _ name: String, _ place: String, _ members: String) -> String {
      """
      {"mode": "managed", "type": "google_compute_\(type)", "name": "\(name)", "instances": [{"attributes":
       {"name": "\(name)", "project": "demo-project", "self_link": "\(base)/\(place)/\(name)", \(members)}}]}
      """
    }
    let all = [
      one(
        "health_check", "llm-health", "global/healthChecks",
        """
        "check_interval_sec": 10, "timeout_sec": 5, "healthy_threshold": 2, "unhealthy_threshold": 3,
        "http_health_check": [{"request_path": "/health", "port": 8000}], "tcp_health_check": []
        """),
      one(
        "backend_service", "llm-backend", "global/backendServices",
        """
        "protocol": "HTTP", "port_name": "vllm", "timeout_sec": 600, "load_balancing_scheme": "EXTERNAL_MANAGED",
        "health_checks": ["\(base)/global/healthChecks/llm-health"], "enable_cdn": true, "iap": [{"enabled": false}],
        "backend": [{"group": "\(base)/zones/us-central1-a/instanceGroups/vllm", "balancing_mode": "UTILIZATION",
          "max_utilization": 0.7, "capacity_scaler": 1, "max_rate": 0}]
        """),
      one(
        "url_map", "llm-map", "global/urlMaps",
        #""default_service": "\#(base)/global/backendServices/llm-backend", "host_rule": [], "path_matcher": []"#
      ),
      one(
        "managed_ssl_certificate", "llm-cert", "global/sslCertificates",
        #""managed": [{"domains": ["llm.example.com"]}]"#),
      one(
        "target_https_proxy", "llm-https", "global/targetHttpsProxies",
        """
        "url_map": "\(base)/global/urlMaps/llm-map", "ssl_certificates": ["\(base)/global/sslCertificates/llm-cert"]
        """),
      one("global_address", "llm-ip", "global/addresses", #""address": "203.0.113.2", "ip_version": """#),
      one(
        "global_forwarding_rule", "llm-rule", "global/forwardingRules",
        """
        "target": "\(base)/global/targetHttpsProxies/llm-https", "port_range": "443-443", "ip_address": "203.0.113.2",
        "load_balancing_scheme": "EXTERNAL_MANAGED"
        """),
      one("network", "net", "global/networks", #""auto_create_subnetworks": true"#),
    ]
    return #"{"version": 4, "resources": [\#(all.joined(separator: ",\n"))]}"#
  }

  @Test(
    "the chain of another program is taken over as it stands, and nothing is made twice",
    arguments: ["pulumi", "terraform"])
  func takeover(format: String) async throws {
    let google = try FakeGoogle()
    let place = try Place()
    try Self.seed(google)
    try place.write("sa.json", try google.serviceAccountFile())
    try place.write("program.json", format == "pulumi" ? Self.pulumi : Self.terraform)
    let environment = [
      "GOOGLE_APPLICATION_CREDENTIALS": place("sa.json"), "CERTD_GCP_COMPUTE_ENDPOINT": google.url,
      "CERTD_GCP_TOKEN_ENDPOINT": "\(google.url)/token", "NO_PROXY": "127.0.0.1",
    ]
    func certd(_ arguments: String...) async throws -> Place.Finished {
      try await place.run([try Place.certd()] + arguments, environment: environment, called: arguments[0])
    }
    let imported = try await certd("gcp", "import", format, place("program.json"))
    #expect(imported.ending == .exited(0), "\(imported)")
    #expect(imported.errors.contains("enableCDN stays as it is"), "\(imported.errors)")
    #expect(imported.errors.contains("managed by Google for llm.example.com"), "\(imported.errors)")
    #expect(!imported.errors.contains("iap"), "\(imported.errors)")
    try place.write("edge.yaml", "store: \(place("store"))\n" + imported.output)
    let checked = try await certd("check", "--config", place("edge.yaml"))
    #expect(!checked.errors.contains("edge.yaml:"), "\(checked)\n\(imported.output)")
    _ = try await certd("issue", "llm.example.com", "--store", place("store"), "--issuer", "local")
    let before = Set(google.paths())
    let applied = try await certd("gcp", "apply", "--adopt", "--yes", "--config", place("edge.yaml"))
    #expect(applied.ending == .exited(0), "\(applied)\n\(imported.output)")
    let made = Set(google.paths()).subtracting(before)
    #expect(made.count == 1 && made.allSatisfy { $0.contains("/sslCertificates/certd-") }, "\(made)")
    #expect(google["global/targetHttpsProxies/llm-https"]?["sslCertificates"]?.items.count == 2)
    #expect(google["global/backendServices/llm-backend"]?["timeoutSec"] == 600)
    let empty = try await certd("gcp", "plan", "--detailed-exit-code", "--config", place("edge.yaml"))
    #expect(empty.ending == .exited(0), "\(empty)")
    let outputs = try await certd("gcp", "outputs", "proxy", "--config", place("edge.yaml"))
    #expect(outputs.output.hasSuffix("/targetHttpsProxies/llm-https\n"), "\(outputs)")
    #expect(google.problems.isEmpty)
  }

  @Test("a file that is something else is refused with what to do")
  func refused() async throws {
    let place = try Place()
    for (format, text, words) in [
      ("pulumi", "{}", "pulumi stack export"), ("terraform", "[]", "terraform show -json"),
      ("pulumi", "resources:", "not JSON"),
      ("terraform", #"{"resources": []}"#, "no target HTTPS or SSL proxy"),
    ] {
      try place.write("program.json", text)
      let imported = try await place.run(
        [try Place.certd(), "gcp", "import", format, place("program.json")], called: "import")
      #expect(imported.ending == .exited(1) && imported.errors.contains(words), "\(imported)")
      #expect(imported.output.isEmpty)
    }
  }
}
