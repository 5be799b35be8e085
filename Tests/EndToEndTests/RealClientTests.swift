import EndToEnd
import TestRun
import Testing

/// Clients that others wrote, over every version of HTTP.
@Suite(.ownThread) struct RealClientTests {
  /// A daemon with the local CA before a model server, a gRPC server and a WebSocket server.
  struct Scene {
    let place: Place
    let daemon: Certd.Daemon
    let model: ModelServer
    let port: String
    /// The listener without TLS.
    let plain: UInt16
    let root: String

    init(services: String = "", routes: String = "", models: String? = nil) async throws {
      place = try Place()
      let certd = try Certd(place)
      model = try await ModelServer(place)
      try model.openGate()
      plain = try FreePort.take()
      let file = try place.write(
        "certd.yaml",
        """
        store: store
        acme: {issuers: [local]}
        listeners:
          - {address: "127.0.0.1:0"}
          - {address: "127.0.0.1:\(plain)", tls: off, h2c: true}
        routes:
          - hosts: [localhost]
            service: chat
        \(models ?? "")
        \(routes)
        services:
          chat: {backends: ["\(model.url)"]}
        \(models == nil ? "" : "  again: {backends: [\"\(model.url)\"]}")
        \(services)
        """)
      daemon = try await certd.run(["--config", file])
      try await daemon.logged("certificate proven")
      let root = try await certd("ca", "root", "--store", place("store"))
      self.root = try place.write("root.pem", root.output)
      port = "\(try daemon.httpsPort())"
    }

    /// Runs a script that says at its end that all went well.
    func expectAllOK(_ script: String) async throws {
      let finished = try await PythonClient(place)(script, [port, root])
      #expect(
        finished.ending == .exited(0) && finished.output.hasSuffix("all ok\n"), "\(finished)\n\(daemon.log)")
    }
  }

  @Test(
    "curl speaks the version that it asks for",
    arguments: [("--http1.1", "1.1", true), ("--http2", "2", true), ("--http2-prior-knowledge", "2", false)])
  func curl(flag: String, version: String, secure: Bool) async throws {
    let scene = try await Scene()
    let base = secure ? "https://localhost:\(scene.port)" : "http://localhost:\(scene.plain)"
    func fetch(_ arguments: [String]) async throws -> Place.Finished {
      try await scene.place.run(
        ["curl", "-sS", "--noproxy", "*", "--max-time", "60", "--cacert", scene.root, flag]
          + ["-w", "%{stderr}%{http_code} %{http_version}\n"] + arguments, called: "curl")
    }
    let models = try await fetch(["\(base)/v1/models"])
    #expect(models.output.contains("demo") && models.errors == "200 \(version)\n", "\(models)")
    let large = try scene.place.write(
      "large", #"{"max_tokens":3,"delay":0,"x":"\#(String(repeating: "a", count: 3_000_000))"}"#)
    let posted = try await fetch(["--data-binary", "@\(large)", "\(base)/v1/chat/completions"])
    #expect(posted.errors == "200 \(version)\n", "\(posted.errors)")
    let head = try await fetch(["-I", "\(base)/v1/models"])
    #expect(head.errors.hasSuffix(" \(version)\n"), "\(head)")
    // curl 7.88 cannot use a connection of prior knowledge again, whatever the server.
    guard secure else { return }
    let many = try await fetch([
      "--parallel", "--no-progress-meter", "-o", "/dev/null", "\(base)/v1/models#[1-100]",
    ])
    #expect(many.errors == String(repeating: "200 \(version)\n", count: 100), "\(many.errors)")
  }

  @Test("openai's client lists, completes, streams, leaves a stream, and hears errors")
  func openai() async throws { try await Scene().expectAllOK("openai_client") }

  @Test(
    "openai's client reaches engines by model, by another name for it, and hears which one does not exist")
  func openaiModels() async throws {
    let models = """
          models: {demo: chat, "llama-*": again, gpt-4o: {service: again, model: demo}}
      """
    try await Scene(models: models).expectAllOK("openai_models_client")
  }

  @Test("httpx speaks HTTP/2, a hundred requests at once and large ones")
  func httpx() async throws { try await Scene().expectAllOK("httpx_client") }

  @Test("grpcio calls of every kind pass, with status, trailers, deadlines and cancellation")
  func grpc() async throws {
    let place = try Place()
    let server = try await PythonClient(place).serve("grpc_server")
    let scene = try await Scene(
      services:
        #"  calls: {protocol: h2c, backends: ["127.0.0.1:\#(server.port)"], health: {enabled: false}}"#,
      routes: #"  - {hosts: [localhost], paths: ["/test.Echo/*"], service: calls}"#)
    try await scene.expectAllOK("grpc_client")
    withExtendedLifetime(server.child) {}
  }

  @Test("websockets' client and server exchange messages of every size")
  func websockets() async throws {
    let place = try Place()
    let server = try await PythonClient(place).serve("websocket_server")
    let scene = try await Scene(
      services: #"  sockets: {backends: ["127.0.0.1:\#(server.port)"], health: {enabled: false}}"#,
      routes: #"  - {hosts: [localhost], paths: [/ws], service: sockets}"#)
    try await scene.expectAllOK("websocket_client")
    withExtendedLifetime(server.child) {}
  }
}
