import Bytes
import FakeGoogle
import PKI

/// The probes, in the order in which they are told.
struct Story {
  private let root: Certificate
  private let rootKey: PrivateKey
  private let leafKey: PrivateKey
  private static let start = UnixTime(seconds: 1_760_000_000)
  private static let lifetime: Int64 = 4000 * 86_400

  init() throws {
    rootKey = try PrivateKey.generate(.ecP256)
    leafKey = try PrivateKey.generate(.ecP256)
    root = try CertificateAuthority.makeRoot(
      commonName: "Root", key: rootKey, notBefore: Self.start, lifetimeSeconds: Self.lifetime,
      serial: [1])
  }

  private func leaf(_ key: PrivateKey, _ serial: UInt8) throws -> String {
    let leaf = try CertificateAuthority.issue(
      identifiers: [.dns("llm.example.com")], publicKey: key, issuer: root, issuerKey: rootKey,
      notBefore: Self.start, lifetimeSeconds: Self.lifetime, serial: [serial])
    return String(decoding: leaf.pem, as: UTF8.self)
  }

  private func text(_ key: PrivateKey) throws -> JSON {
    .string(String(decoding: try key.pem(), as: UTF8.self))
  }

  func certificates() throws -> [Probe] {
    let one = try leaf(leafKey, 2)
    let key = try text(leafKey)
    let rootPEM = String(decoding: root.pem, as: UTF8.self)
    func insert(_ name: String, _ pem: String, _ key: JSON, _ scope: String = "global") -> Probe {
      .post(
        "\(scope)/sslCertificates", ["name": .string(name), "certificate": .string(pem), "privateKey": key])
    }
    let large = try PrivateKey.generate(.ecP384)
    return [
      Probe("GET", "global/sslCertificates", token: .none),
      Probe("GET", "global/sslCertificates", token: .bad),
      insert("a", one + rootPEM, key), insert("a", one, key), .get("global/sslCertificates/a"),
      .get("global/sslCertificates/none"), insert("A_B", one, key), insert("b", one, try text(rootKey)),
      insert("b", "nothing", key), insert("b", one, "nothing"), insert("b", rootPEM + one, key),
      insert("b", try leaf(large, 3), try text(large)),
      insert("b", try leaf(large, 3), try text(large), "regions/us-central1"),
      insert("b", one + rootPEM + rootPEM, key), insert("b", one, key, "regions/mars"),
      .post("global/sslCertificates", ["name": "b", "certificate": .string(one)]),
      .post("global/sslCertificates", ["name": "b", "certificat": "x"]),
      .post("global/sslCertificates", ["name": "b", "certificate": 5]),
      .post(
        "global/sslCertificates",
        [
          "name": "b", "selfManaged": ["certificate": .string(one), "privateKey": key],
          "type": "SELF_MANAGED",
        ]),
      .post(
        "global/sslCertificates", ["name": "m", "type": "MANAGED", "managed": ["domains": ["x.example"]]]),
      .get("global/sslCertificates?maxResults=1"), .get("global/sslCertificates?nonsense=1"),
      .get("aggregated/sslCertificates"), Probe("PATCH", "global/sslCertificates/a", ["description": "x"]),
      .get("global/nothings"), .delete("global/sslCertificates/none"),
    ]
  }

  func chain() -> [Probe] {
    let check: JSON = ["name": "hc", "type": "HTTP", "httpHealthCheck": ["requestPath": "/health"]]
    let zone = "zones/us-central1-a"
    return [
      .post("global/healthChecks", check), .post("global/healthChecks", ["name": "h2"]),
      .post("global/healthChecks", ["name": "h2", "type": "HTTP", "checkIntervalSec": 1, "timeoutSec": 2]),
      .post("global/healthChecks", ["name": "h2", "type": "HTTP", "unhealthyThreshold": 11]),
      .post("global/healthChecks", ["name": "h2", "type": "HTTP", "tcpHealthCheck": [:]]),
      .post("global/backendServices", ["name": "bs", "healthChecks": ["global/healthChecks/none"]]),
      .post("global/backendServices", ["name": "bs", "healthChecks": ["global/urlMaps/hc"]]),
      .post("\(zone)/networkEndpointGroups", ["name": "neg", "networkEndpointType": "GCE_VM_IP_PORT"]),
      .post("\(zone)/networkEndpointGroups", ["name": "n2", "networkEndpointType": "INTERNET_FQDN_PORT"]),
      .post("\(zone)/networkEndpointGroups", ["name": "n2"]),
      .post(
        "\(zone)/networkEndpointGroups/neg/attachNetworkEndpoints",
        ["networkEndpoints": [["ipAddress": "10.0.0.1", "port": 8000]]]),
      .post("\(zone)/networkEndpointGroups/neg/attachNetworkEndpoints", ["networkEndpoints": [["port": 1]]]),
      .post("\(zone)/networkEndpointGroups/neg/listNetworkEndpoints", [:]),
      .post(
        "\(zone)/networkEndpointGroups/neg/detachNetworkEndpoints",
        ["networkEndpoints": [["ipAddress": "10.9.9.9", "port": 8000]]]),
      .post("global/networkEndpointGroups", ["name": "inet", "networkEndpointType": "INTERNET_IP_PORT"]),
      .post("global/networkEndpointGroups", ["name": "i2", "networkEndpointType": "GCE_VM_IP_PORT"]),
      .post(
        "global/networkEndpointGroups/inet/attachNetworkEndpoints",
        ["networkEndpoints": [["ipAddress": "8.8.8.8", "port": 1], ["ipAddress": "8.8.4.4", "port": 1]]]),
      .post("\(zone)/instanceGroups", ["name": "ig"]),
      .post("global/backendServices", ["name": "bs", "backends": [["group": "\(zone)/instanceGroups/ig"]]]),
      .post(
        "global/backendServices",
        [
          "name": "bs", "healthChecks": ["global/healthChecks/hc"], "loadBalancingScheme": "EXTERNAL_MANAGED",
          "backends": [["group": "\(zone)/networkEndpointGroups/neg", "maxRatePerEndpoint": 100]],
        ]),
      .delete("global/healthChecks/hc"), .delete("\(zone)/networkEndpointGroups/neg"),
      .post("global/urlMaps", ["name": "map"]),
      .post("global/urlMaps", ["name": "map", "defaultService": "global/backendServices/none"]),
      .post(
        "global/urlMaps",
        [
          "name": "map", "defaultService": "global/backendServices/bs",
          "hostRules": [["hosts": ["x.example"], "pathMatcher": "none"]],
        ]),
      .post("global/urlMaps", ["name": "map", "defaultService": "global/backendServices/bs"]),
      Probe("PATCH", "global/urlMaps/map", ["description": "without a fingerprint"]),
      Probe("PATCH", "global/urlMaps/map", ["description": "x", "fingerprint": "c3RhbGU="]),
      Probe("PATCH", "global/healthChecks/hc", ["description": "x"]),
    ]
  }

  func proxies() -> [Probe] {
    let https = "global/targetHttpsProxies"
    let swap = "targetHttpsProxies/p/setSslCertificates"
    return [
      .post(https, ["name": "p", "urlMap": "global/urlMaps/map"]),
      .post(https, ["name": "p", "sslCertificates": ["global/sslCertificates/a"]]),
      .post(
        https, ["name": "p", "urlMap": "global/urlMaps/map", "sslCertificates": ["global/sslCertificates/a"]]),
      .post("global/\(swap)", ["sslCertificates": ["global/sslCertificates/b"]]),
      .post(swap, ["sslCertificates": []]), .post(swap, ["sslCertificates": ["global/sslCertificates/none"]]),
      .post(swap, ["sslCertificates": ["regions/us-central1/sslCertificates/b"]]),
      .post(swap, ["sslCertificates": ["global/sslCertificates/a", "global/sslCertificates/a"]]),
      .post(swap, ["sslCertificates": ["global/sslCertificates/b"]]), .delete("global/sslCertificates/b"),
      .post(swap, ["sslCertificates": .list((0..<16).map { .string("global/sslCertificates/c\($0)") })]),
      .post("targetHttpsProxies/p/setUrlMap", ["urlMap": "global/urlMaps/none"]),
      .post("global/targetHttpsProxies/p/setCertificateMap", ["certificateMap": "nonsense"]),
      .delete("global/sslCertificates/a"), .delete("global/urlMaps/map"),
      .post("global/targetHttpProxies", ["name": "web", "urlMap": "global/urlMaps/map"]),
      .post(
        "global/targetSslProxies",
        [
          "name": "s", "service": "global/backendServices/bs",
          "sslCertificates": ["global/sslCertificates/b"],
        ]),
      Probe("PATCH", "global/targetSslProxies/s", ["description": "x"]),
      .post(
        "global/targetSslProxies/s/setSslCertificates", ["sslCertificates": ["global/sslCertificates/b"]]),
      .get("aggregated/targetSslProxies"), .post("global/addresses", ["name": "ip"]),
      .post("global/forwardingRules", ["name": "r", "IPAddress": "global/addresses/ip", "portRange": "443"]),
      .post(
        "global/forwardingRules",
        ["name": "r", "target": "global/targetHttpsProxies/p", "IPAddress": "global/addresses/none"]),
      .post(
        "global/forwardingRules",
        [
          "name": "r", "target": "global/targetHttpsProxies/p", "IPAddress": "global/addresses/ip",
          "portRange": "443",
        ]),
      .post(
        "global/forwardingRules",
        [
          "name": "r2", "target": "global/targetHttpsProxies/p", "IPAddress": "global/addresses/ip",
          "portRange": "443",
        ]),
      .post(
        "global/forwardingRules",
        [
          "name": "r2", "target": "global/targetHttpsProxies/p", "IPAddress": "global/addresses/ip",
          "portRange": "80-90",
        ]),
      .delete("global/addresses/ip"), .delete("global/targetHttpsProxies/p"),
      .post("global/forwardingRules/r/setLabels", ["labels": ["a": "b"]]),
    ]
  }

  func manager() throws -> [Probe] {
    let base = "/v1/projects/demo-project/locations/global"
    let pair: JSON = ["pemCertificate": .string(try leaf(leafKey, 4)), "pemPrivateKey": try text(leafKey)]
    let wrong: JSON = ["pemCertificate": .string(try leaf(leafKey, 5)), "pemPrivateKey": try text(rootKey)]
    let certificate: JSON = .string("projects/demo-project/locations/global/certificates/c")
    return [
      Probe("GET", "\(base)/certificates", token: .none),
      .post("\(base)/certificates?certificateId=c", ["selfManaged": pair]),
      .post("\(base)/certificates?certificateId=c", ["selfManaged": pair]),
      .post("\(base)/certificates?certificateId=C", ["selfManaged": pair]),
      .post("\(base)/certificates?certificateId=d", ["selfManaged": wrong]),
      .post("\(base)/certificates?certificateId=d", ["selfMannaged": pair]),
      Probe("PATCH", "\(base)/certificates/c", ["selfManaged": pair]),
      Probe("PATCH", "\(base)/certificates/c?updateMask=scope", ["scope": "DEFAULT"]),
      Probe("PATCH", "\(base)/certificates/c?updateMask=self_managed,labels", ["selfManaged": pair]),
      .get("\(base)/certificates/c"), .get("\(base)/certificates/none"), .get("\(base)/certificates"),
      .post("\(base)/certificateMaps?certificateMapId=m", [:]),
      .post(
        "\(base)/certificateMaps/none/certificateMapEntries?certificateMapEntryId=e", ["hostname": "x.io"]),
      .post(
        "\(base)/certificateMaps/m/certificateMapEntries?certificateMapEntryId=e",
        ["hostname": "x.example", "certificates": [certificate]]),
      .post(
        "\(base)/certificateMaps/m/certificateMapEntries?certificateMapEntryId=f",
        ["hostname": "x.example", "certificates": [certificate]]),
      .post(
        "\(base)/certificateMaps/m/certificateMapEntries?certificateMapEntryId=f",
        ["hostname": "x.example", "matcher": "PRIMARY", "certificates": [certificate]]),
      .delete("\(base)/certificates/c"), .delete("\(base)/certificateMaps/m"),
      .post(
        "global/targetHttpsProxies/p/setCertificateMap",
        [
          "certificateMap":
            "//certificatemanager.googleapis.com/projects/demo-project/locations/global/certificateMaps/m"
        ]),
      .delete("\(base)/certificateMaps/m/certificateMapEntries/e"), .delete("\(base)/certificateMaps/m"),
      .delete("\(base)/certificates/c"), .get("/v1/projects/other/locations/global/certificates"),
      .post("\(base)/externalAccountKeys", [:]), .post("\(base)/externalAccountKeys", ["x": 1]),
      .post("/v1/projects/demo-project/locations/us-central1/externalAccountKeys", [:]),
      Probe("GET", "/v1/nothing"), Probe("GET", "/compute/v1/projects/other/global/urlMaps"),
    ]
  }

  func all() throws -> [Probe] { try certificates() + chain() + proxies() + manager() }
}
