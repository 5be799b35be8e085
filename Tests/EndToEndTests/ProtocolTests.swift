import EndToEnd
import TestRun
import Testing

/// What is not plain HTTP over IPv4, with real clients.
@Suite(.ownThread) struct ProtocolTests {
  /// A daemon on IPv6, in front of a model server behind a Unix socket, and of another one in TCP.
  private struct Scene {
    let place: Place
    let daemon: Certd.Daemon
    let models: [Child]

    init() async throws {
      let place = try Place()
      self.place = place
      let socket = place("model.sock")
      var models: [Child] = []
      for (index, own) in ["unix:\(socket)", "0"].enumerated() {
        let child = try await place.start(
          ["python3", "\(Place.package)/examples/demo_model_server.py", own], called: "model-\(index)")
        try await eventually("a model server: \(child.errors)") { child.output.contains("\n") }
        models.append(child)
      }
      self.models = models
      let port = models[1].output.split(separator: ":").last?.prefix { $0.isNumber } ?? ""
      try place.write(
        "certd.yaml",
        """
        store: store
        log: {access: access.log}
        acme: {issuers: [local]}
        listeners:
          - {address: "[::1]:0", proxy_protocol: {trusted: ["::1"]}}
        routes:
          - {hosts: [localhost], service: chat}
          - {hosts: [db.localhost], service: db}
        services:
          chat: {compression: {minimum_size: 16B}, kind: vllm, backends: ["unix:\(socket)"], health: {interval: 200ms, timeout: 200ms}}
          db: {protocol: tcp, backends: ["127.0.0.1:\(port)"]}
        """)
      let certd = try Certd(place)
      daemon = try await certd.run(["--config", place("certd.yaml")])
      try await daemon.logged("certificate proven", times: 2)
      let root = try await certd("ca", "root", "--store", place("store"))
      try place.write("root.pem", root.output)
    }

    func curl(_ host: String, _ arguments: [String] = []) async throws -> Place.Finished {
      let port = try daemon.httpsPort()
      return try await place.run(
        [
          "curl", "-sS", "--noproxy", "*", "--max-time", "60", "--cacert", place("root.pem"), "--resolve",
          "\(host):\(port):[::1]", "https://\(host):\(port)/v1/models",
        ] + arguments, called: "curl")
    }
  }

  @Test("curl over IPv6 and a PROXY header reaches HTTP behind a Unix socket, and a server in TCP")
  func families() async throws {
    let scene = try await Scene()
    try await scene.daemon.logged("backend healthy", times: 2)
    for host in ["localhost", "db.localhost"] {
      let answer = try await scene.curl(host, ["--haproxy-protocol"])
      #expect(answer.output.contains(#""id": "demo""#), "\(answer)")
      #expect(try await scene.curl(host).ending != .exited(0))
    }
    for (flag, version) in [("--http1.1", "HTTP/1.1 200"), ("--http2", "HTTP/2 200")] {
      let coded = try await scene.curl("localhost", ["--haproxy-protocol", "--compressed", "-i", flag])
      #expect(coded.output.hasPrefix(version), "\(coded)")
      #expect(coded.output.lowercased().contains("content-encoding: gzip"), "\(coded)")
      #expect(coded.output.contains(#""id": "demo""#), "\(coded)")
    }
    try await eventually("both lines of \(scene.place.read("access.log"))") {
      let lines = scene.place.read("access.log").split(separator: "\n")
      return lines.contains { $0.contains(#""client":"::1","method":"GET","host":"localhost"#) }
        && lines.contains { line in
          line.contains(#""client":"::1","method":"TCP","host":"db.localhost","path":"","status":0"#)
            && line.contains(#""service":"db""#) && !line.contains(#""bytes_in":0,"#)
            && !line.contains(#""bytes_out":0,"#)
        }
    }
    // A model server that goes is noticed behind its socket file as well.
    scene.models[0].signal(9)
    try await scene.daemon.logged("backend unhealthy")
    #expect(try await scene.daemon.stop() == .exited(0))
  }
}
