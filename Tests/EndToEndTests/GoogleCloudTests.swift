import EndToEnd
import FakeGoogle
import OS
import PKI
import TestRun
import Testing

/// Renewed certificates reach Google's load balancers by themselves.
@Suite(.ownThread) struct GoogleCloudTests {
  private struct Scene {
    let place: Place
    let certd: Certd
    let google: FakeGoogle
    let config: [String]

    init() async throws {
      place = try Place()
      certd = try Certd(place)
      google = try FakeGoogle()
      try place.write("google.json", try google.serviceAccountFile())
      config = ["--config", place("certd.yaml")]
      let foreign = try TestCertificates(place, "foreign").issue(["foreign.example.com"], called: "foreign")
      try google.seed("global/healthChecks", ["name": "hc", "type": "HTTP"])
      try google.seed(
        "global/backendServices",
        ["name": "bs", "healthChecks": ["global/healthChecks/hc"], "protocol": "HTTP"])
      try google.seed("global/urlMaps", ["name": "um", "defaultService": "global/backendServices/bs"])
      try google.seed(
        "global/sslCertificates",
        [
          "name": "theirs", "certificate": .string(try Self.read(foreign.certificate)),
          "privateKey": .string(try Self.read(foreign.key)),
        ])
      try google.seed(
        "global/targetHttpsProxies",
        ["name": "edge", "urlMap": "global/urlMaps/um", "sslCertificates": ["global/sslCertificates/theirs"]])
      try configure(withCloud: true)
    }

    private static func read(_ path: String) throws -> String {
      String(decoding: try FileSystem().read(path, limitInBytes: 1 << 16), as: UTF8.self)
    }

    func configure(withCloud: Bool) throws {
      let cloud =
        """
        gcp:
          project: demo-project
          credentials: google.json
          endpoints: {compute: "\(google.url)", token: "\(google.url)/token"}
          targets: [{kind: target-https-proxy, name: edge, certificates: [llm.example.com]}]
        """
      try place.write(
        "certd.yaml",
        """
        store: store
        acme: {issuers: [local]}
        listeners: [{address: "127.0.0.1:0"}]
        routes: [{hosts: [llm.example.com], service: chat}]
        services:
          chat: {backends: ["127.0.0.1:1"], health: {enabled: false}}
        \(withCloud ? cloud : "")
        """)
    }

    /// The names of the certificates on the proxy, in their order.
    var attached: [String] {
      google["global/targetHttpsProxies/edge"]?["sslCertificates"]?.items.compactMap {
        $0.string.map { String($0.split(separator: "/").last ?? "") }
      } ?? []
    }

    func renew(_ more: String...) async throws -> Place.Finished {
      try await certd("renew", "--no-delay", with: more + config)
    }
  }

  @Test("the daemon pushes what it obtained, and a renewal replaces it beside what is not ours")
  func daemon() async throws {
    let scene = try await Scene()
    let daemon = try await scene.certd.run(scene.config)
    try await daemon.logged("push to Google Cloud done")
    let first = scene.attached
    #expect(first.count == 2 && first.first == "theirs", "\(first)")
    let renewed = try await scene.renew("--force")
    #expect(
      renewed.ending == .exited(0) && renewed.output.contains("push to Google Cloud done"), "\(renewed)")
    let second = scene.attached
    #expect(second.count == 2 && second.first == "theirs" && second != first, "\(second)")
    #expect(scene.google.paths("sslCertificates").count == 2)
    #expect(scene.google.problems.isEmpty)
    #expect(!daemon.log.contains("PRIVATE KEY"))
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("a push that fails undoes no renewal, is shown as waiting, and is done by a later run")
  func failing() async throws {
    let scene = try await Scene()
    scene.google.configure { $0.denied = ["compute.sslCertificates.create"] }
    let first = try await scene.renew("--detailed-exit-code")
    #expect(first.ending == .exited(4), "\(first)")
    #expect(first.errors.contains("compute.sslCertificates.create"), "\(first)")
    let listed = try await scene.certd("list", with: scene.config)
    #expect(listed.output.contains("llm.example.com"), "\(listed)")
    #expect(scene.attached == ["theirs"])
    let status = try await scene.certd("status", with: scene.config)
    #expect(status.output.contains("push to Google Cloud waits"), "\(status)")
    scene.google.configure { $0.denied = [] }
    let second = try await scene.renew("--detailed-exit-code")
    #expect(second.ending == .exited(0), "\(second)")
    #expect(scene.attached.count == 2)
  }

  @Test("a section gcp that comes by a reload brings the certificates that are there already")
  func reload() async throws {
    let scene = try await Scene()
    try scene.configure(withCloud: false)
    let daemon = try await scene.certd.run(scene.config)
    try await daemon.logged("certificate proven")
    #expect(scene.attached == ["theirs"])
    try scene.configure(withCloud: true)
    daemon.child.signal(1)
    try await daemon.logged("push to Google Cloud done")
    #expect(scene.attached.count == 2)
    #expect(try await daemon.stop() == .exited(0))
  }

  @Test("push twice makes no write the second time, and tells in JSON what is attached")
  func twice() async throws {
    let scene = try await Scene()
    #expect(try await scene.renew().ending == .exited(0))
    scene.google.clearJournal()
    let again = try await scene.certd("gcp", "push", "-o", "json", with: scene.config)
    #expect(again.ending == .exited(0) && again.output.contains("unchanged"), "\(again)")
    #expect(scene.google.writes.filter { !$0.path.contains("token") }.isEmpty)
  }

  @Test("files with a name are pushed at start and when they change, in the configuration's order")
  func files() async throws {
    let scene = try await Scene()
    let authority = try TestCertificates(scene.place, "company")
    let pair = try authority.issue(["llm.example.com"], called: "llm")
    let other = try authority.issue(["www.example.com"], called: "www")
    try scene.place.write(
      "certd.yaml",
      """
      store: store
      certificates:
        - {name: company, cert: "\(pair.certificate)", key: "\(pair.key)"}
        - {name: site, cert: "\(other.certificate)", key: "\(other.key)"}
        - {cert: broken.crt, key: broken.key}
      listeners: [{address: "127.0.0.1:0"}]
      routes: [{hosts: [llm.example.com, www.example.com], service: chat}]
      services:
        chat: {backends: ["127.0.0.1:1"], health: {enabled: false}}
      gcp:
        project: demo-project
        credentials: google.json
        endpoints: {compute: "\(scene.google.url)", token: "\(scene.google.url)/token"}
        targets: [{kind: target-https-proxy, name: edge, certificates: [site, company]}]
      """)
    let daemon = try await scene.certd.run(scene.config)
    try await daemon.logged("certificates from files pushed")
    let first = scene.attached
    #expect(first.count == 3 && first.first == "theirs" && first[1].hasPrefix("certd-site-"), "\(first)")
    _ = try authority.issue(["llm.example.com"], called: "llm")
    try await eventually("the new one is attached") {
      scene.attached.count == 3 && scene.attached[2] != first[2]
    }
    #expect(scene.attached[1] == first[1] && scene.attached[2].hasPrefix("certd-company-"))
    #expect(try await daemon.stop() == .exited(0))
    let again = try await scene.certd("gcp", with: ["push"] + scene.config)
    #expect(again.ending == .exited(0) && again.output.contains("up to date"), "\(again)")
    #expect(scene.google.problems.isEmpty)
  }

  @Test("where no load balancer names a certificate yet, nothing is said to be pushed")
  func nothingPushed() async throws {
    let scene = try await Scene()
    let text = scene.place.read("certd.yaml").replacing(
      "targets: [{kind: target-https-proxy, name: edge, certificates: [llm.example.com]}]",
      with: "load_balancer: {name: other, groups: {chat: [{make_neg: {zone: us-central1-a}}]}}")
    try scene.place.write("certd.yaml", text)
    let renewed = try await scene.renew()
    #expect(renewed.ending == .exited(0), "\(renewed)")
    #expect(renewed.output.contains("push to Google Cloud not needed"), "\(renewed)")
    #expect(!renewed.output.contains("push to Google Cloud done"), "\(renewed)")
  }
}
