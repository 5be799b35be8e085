import TestRun
import GCP
import Testing

@testable import Configuration

@Suite("Keys of Google's load balancer", .ownThread)
struct LoadBalancerKeysTests {
  private static let start = """
    routes: [{service: a, hosts: [h.example.com]}]
    services: {a: {backends: [10.0.0.1:1]}}
    acme: {email: ops@example.com, agree_tos: true}

    """

  private static func file(_ section: String) -> String {
    start + "gcp: {project: p, load_balancer: {name: edge, \(section)}}"
  }

  static let table: [(section: String, error: String)] = [
    ("kind: tcp", #"gcp.load_balancer.kind: "tcp" is not known; write https or ssl"#),
    ("address: Edge", #"4:56: gcp.load_balancer.address: "Edge" is no name of a Google resource"#),
    ("redirect: true, kind: ssl", "gcp.load_balancer.redirect: an ssl load balancer does not speak HTTP"),
    ("groups: {b: [{make_neg: {}}]}", #"gcp.load_balancer.groups.b: there is no service "b""#),
    ("groups: {a: []}", "gcp.load_balancer.groups.a: the list is empty"),
    ("groups: {a: [{}]}", "groups.a[0]: a group is one of instance_group, neg and make_neg; add one"),
    (
      "groups: {a: [{neg: zones/z/networkEndpointGroups/n, make_neg: {}}]}",
      "a group is one of instance_group, neg and make_neg; make a group of each"
    ),
    (
      "groups: {a: [{instance_group: zones/z/networkEndpointGroups/n}]}",
      "is no path of such a resource; write zones/us-central1-a/instanceGroups/vllm"
    ),
    (
      "groups: {a: [{instance_group: zones/z/instanceGroups/n, max_utilization: 1.5}]}",
      #""1.5" is no share above 0 and at most 1; write 0.8"#
    ),
    (
      "groups: {a: [{instance_group: zones/z/instanceGroups/n, max_rate: 5, max_utilization: 0.5}]}",
      "a group has one measure of its load"
    ),
    ("groups: {a: [{make_neg: {zone: z}, named_port: http}]}", "named_port: belongs to instance groups"),
    (
      "groups: {a: [{make_neg: {type: INTERNET_FQDN_PORT, zone: z}}]}",
      "make_neg.zone: endpoints on the internet have no zone"
    ),
    ("groups: {a: [{make_neg: {type: GCE_VM_IP_PORT}}]}", "endpoints of type GCE_VM_IP_PORT have a zone"),
    ("group: {}", #"gcp.load_balancer.group: unknown key; did you mean "groups"?"#),
    ("kind: ssl, region: r", "gcp.load_balancer.region: target SSL proxies are global"),
    ("region: r, ipv6_address: v6", "ipv6_address: regional load balancers have IPv4 addresses alone"),
    ("network: n", "gcp.load_balancer.network: belongs to regional load balancers; add region"),
    ("target: modern", #"gcp.load_balancer.target: "modern" is not known; write classic or"#),
    ("session_affinity: yes", "gcp.load_balancer.session_affinity:"),
    (
      "certificates: [\((1...16).map { "c\($0).example.com" }.joined(separator: ", "))]",
      "a proxy takes at most 15 classic certificates; set target: certificate-manager"
    ),
    ("timeout: 2d", "gcp.load_balancer.timeout: 2d is out of range"),
  ]

  @Test("what is wrong is told at its place", arguments: 0..<table.count)
  func wrong(index: Int) {
    let (section, error) = Self.table[index]
    let told = errors(Self.file(section))
    #expect(told.contains { $0.contains(error) }, "\(told)")
  }

  @Test("every key is read into its value")
  func values() throws {
    let text = Self.file(
      """
      address: ip, ssl_policy: pol, certificates: [c], timeout: 1h, redirect: true, groups: {a: [
        {instance_group: zones/z/instanceGroups/g, max_utilization: 0.5, named_port: web},
        {neg: projects/q/zones/z/networkEndpointGroups/n, max_rate: 7},
        {make_neg: {zone: z, type: GCE_VM_IP_PORT, network: net, subnetwork: regions/r/subnetworks/s,
          instances: {10.0.0.1: vm-1}}, max_connections: 9}]}
      """)
    let read = try Configuration.read(Array(text.utf8), file: "f", baseDirectory: "/")
    let balancer = try #require(read.configuration.gcp?.loadBalancer)
    #expect(balancer.address == "ip" && balancer.sslPolicy == "pol" && balancer.redirect)
    #expect(balancer.timeout == .seconds(3600) && balancer.certificates?.map(\.value) == ["c"])
    let groups = try #require(balancer.services.first).groups
    #expect(groups[0].maxUtilization == 0.5 && groups[0].namedPort == "web" && groups[1].maxRate == 7)
    #expect(groups[1].place == .endpointGroup("projects/q/zones/z/networkEndpointGroups/n"))
    guard case .made(let made) = groups[2].place else {
      Issue.record("no group to be made")
      return
    }
    #expect(
      made.type == .vm && made.zone == "z" && made.network == "net" && made.instances == ["10.0.0.1": "vm-1"])
  }

  @Test("without its own name an address is called after the load balancer")
  func defaults() throws {
    let read = try Configuration.read(
      Array(Self.file("kind: https").utf8), file: "f", baseDirectory: "/")
    #expect(read.configuration.gcp?.loadBalancer?.address == "edge-ip")
  }

  @Test(
    "which backends are public",
    arguments: [
      ("8.8.8.8:1", true), ("10.1.2.3:1", false), ("www.example.com:1", true), ("h.internal:1", false),
      ("unix:/s", false),
    ])
  func publicBackends(text: String, isPublic: Bool) throws {
    #expect(try BackendText.parse(text).address.isPublic == isPublic)
  }
}
