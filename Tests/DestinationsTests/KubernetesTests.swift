import Bytes
import CertStore
import Destinations
import EndToEnd
import JSON
import PKI
import StoreFixtures
import TestRun
import Testing

@Suite("Certificates to Kubernetes", .ownThread) struct KubernetesTests {
  private func secret(
    _ scene: Scene, _ name: String = "llm-tls", _ change: (inout KubernetesSecret) -> Void = { _ in }
  )
    -> Destination
  {
    var secret = KubernetesSecret()
    secret.secret = name
    secret.kubeconfig = scene.place("kubeconfig")
    change(&secret)
    return .kubernetes(secret)
  }

  private func held(_ scene: Scene, _ name: String) throws -> JSONValue? {
    try JSONValue(parsing: Array(scene.place.read("secrets.json").utf8))[name]
  }

  @Test("a secret is made, not written again while it is right, and written when the certificate is another")
  func applied() async throws {
    let scene = try Scene()
    let server = try await PythonClient(scene.place).serve("kubernetes_api", [scene.place("")])
    defer { withExtendedLifetime(server.child) {} }
    #expect(try await scene.deliver(secret(scene)) == .delivered)
    let made = try held(scene, "web/llm-tls")
    #expect(made?["type"] == "kubernetes.io/tls")
    let current = try scene.current()
    #expect(made?["data"]?["tls.crt"] == .string(Base64.encode(current.chain.pem)))
    #expect(made?["data"]?["tls.key"] == .string(Base64.encode(try current.key.pem())))
    #expect(try await scene.deliver(secret(scene)) == .unchanged)
    #expect(scene.requests("PATCH") == 1)
    try scene.renew()
    #expect(
      try await scene.deliver(secret(scene) { $0.kubeconfig = scene.place("certificate.yaml") }) == .delivered
    )
    #expect(
      try held(scene, "web/llm-tls")?["data"]?["tls.crt"]
        == .string(Base64.encode(try scene.current().chain.pem)))
  }

  @Test("what another manager has set is taken over only when that is said")
  func conflict() async throws {
    let scene = try Scene()
    let server = try await PythonClient(scene.place).serve("kubernetes_api", [scene.place("")])
    defer { withExtendedLifetime(server.child) {} }
    let refused = try await scene.deliver(secret(scene, "foreign")).failure
    #expect(refused.contains("cert-manager") && refused.contains("force: true"), "\(refused)")
    #expect(try await scene.deliver(secret(scene, "foreign") { $0.force = true }) == .delivered)
    #expect(try await scene.deliver(secret(scene, "opaque")).failure.contains("field is immutable"))
  }

  @Test("what is refused is told with what it takes, and without the token")
  func refused() async throws {
    let scene = try Scene()
    let server = try await PythonClient(scene.place).serve("kubernetes_api", [scene.place("")])
    defer { withExtendedLifetime(server.child) {} }
    let forbidden = try await scene.deliver(secret(scene) { $0.namespace = "forbidden" }).failure
    #expect(forbidden.contains("403") && forbidden.contains("patch of secrets"), "\(forbidden)")
    try scene.place.write("token", "wrong-token\n")
    let unknown = try await scene.deliver(secret(scene)).failure
    #expect(unknown.contains("401") && !unknown.contains("wrong-token"), "\(unknown)")
    #expect(
      try await scene.deliver(secret(scene) { $0.kubeconfig = scene.place("exec.yaml") }).failure.contains(
        "tokenFile"))
    #expect(
      try await scene.deliver(secret(scene) { $0.context = "other" }).failure.contains(#"no context "other""#)
    )
    #expect(
      try await scene.deliver(secret(scene) { $0.kubeconfig = nil }).failure.contains("this is no pod"))
  }

  @Test("a server that another CA has signed for is given nothing")
  func stranger() async throws {
    let scene = try Scene()
    let server = try await PythonClient(scene.place).serve("kubernetes_api", [scene.place("")])
    defer { withExtendedLifetime(server.child) {} }
    try scene.place.write("ca.pem", String(decoding: scene.authority.root.pem, as: UTF8.self))
    #expect(try await scene.deliver(secret(scene)).failure.contains("certificate"))
    #expect(scene.place.read("requests") == "")
  }
}
