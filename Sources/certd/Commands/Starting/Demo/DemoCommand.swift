import ArgumentParser
import CertStore
import Configuration
import OS
import PKI
import Renewal
import Telemetry

struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo", abstract: "Serve a built-in model over HTTPS on this machine, to see certd work.",
    discussion: """
      Example: certd demo
      Example: certd demo --https-address 127.0.0.1:9443 --store /tmp/certd-demo

      A stand-in for a model server answers /v1/models and streams chat completions; certd serves it with a certificate of \
      its local CA. Nothing leaves the machine, nothing is asked of the Internet. Ctrl-C stops everything.
      """)

  @Option(name: .customLong("https-address"), help: "Address of the HTTPS listener.")
  var httpsAddress = "127.0.0.1:8443"
  @Option(help: "Directory of the certificate store.") var store = "certd-demo"

  func run() async throws {
    do throws(SetupError) { try await serve() } catch { throw Failure.exit(error) }
  }

  private func serve() async throws(SetupError) {
    let model: DemoModelServer
    do throws(SystemError) { model = try DemoModelServer() } catch { throw .other("\(error)") }
    var options = InlineOptions(domains: ["localhost"], backends: ["http://127.0.0.1:\(model.port)"])
    options.kind = "vllm"
    options.issuer = IssuerPreset.localName
    options.httpsAddress = httpsAddress
    options.httpAddress = nil
    options.store = ForeignFiles().absolute(store)
    let opened = try StoreLocation.open(options.store) { Output.error("certd: store: \($0)") }
    let root = "\(opened.root)/local-root.pem"
    try writeRoot(opened, to: root)
    let source = ConfigurationSource.flags(options)
    let reading = try source.readToServe()
    let log = try Logging.make(reading.configuration.log)
    defer { log.flush(milliseconds: Logging.lastWordsMilliseconds) }
    let daemon = try await Daemon(
      source: source, reading: reading, launch: unsafe Main.launch, log: log)
    let port = httpsAddress.split(separator: ":").last ?? "443"
    Output.error(
      """

      certd serves https://localhost:\(port) with a certificate of its local CA. Stream a completion:

        curl -N --cacert \(root) https://localhost:\(port)/v1/chat/completions -H 'Content-Type: application/json' \
      -d '{"model":"demo","stream":true,"messages":[{"role":"user","content":"hello"}]}'

      Ctrl-C stops everything.

      """)
    await daemon.run()
    withExtendedLifetime(model) {}
  }

  private func writeRoot(_ store: CertStore, to path: String) throws(SetupError) {
    do {
      let root = try LocalAuthority(store: store, now: { World.now() }).root()
      try FileSystem().publish(path, root.pem, mode: 0o644)
    } catch { throw .other("\(error)") }
  }
}
