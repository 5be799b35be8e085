import Configuration
import EndToEnd
import JSON
import OS
import Synchronization
import TestPeers
import TestRun
import TestSupport
import Testing

@testable import certd

/// Backends that come and go while certd runs.
@Suite("Finding backends", .ownThread) struct DiscoveryTests {
  /// What a source has told, in order.
  private final class Told: Sendable {
    private let all = Mutex<[DiscoveryOutcome]>([])
    func add(_ outcome: DiscoveryOutcome) { all.withLock { $0.append(outcome) } }
    var outcomes: [DiscoveryOutcome] { all.withLock { $0 } }
    /// The addresses of each finding, and failures in words.
    var words: [String] {
      outcomes.map { outcome in
        switch outcome {
        case .found(let found): found.backends.map { "\($0.address)" }.joined(separator: " ")
        case .failed(let reason): "failed: \(reason)"
        }
      }
    }
  }

  /// Follows a source until what it has told is as expected.
  private func follow(
    _ watch: @escaping @Sendable (@escaping @Sendable (DiscoveryOutcome) -> Void) async -> Void,
    _ what: String, until holds: @escaping @Sendable ([String]) -> Bool
  ) async throws {
    let told = Told()
    let task = Task { await watch { told.add($0) } }
    defer { task.cancel() }
    try await eventually("\(what): \(told.words)") { holds(told.words) }
  }

  private static func answer(_ body: String, status: Int = 200) -> String {
    "HTTP/1.1 \(status) X\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  private static func chunk(_ text: String) -> String {
    String(text.utf8.count + 1, radix: 16) + "\r\n" + text + "\n\r\n"
  }

  /// An API server that refuses what the real one refuses: a wrong token, path, selector or version.
  private static func apiServer(_ version: Event? = nil) throws -> TestPeers.Backend {
    let lists = Mutex(0)
    return try TestPeers.Backend { wire in
      let head = wire.readHead()
      let target = String(head.split(separator: " ").dropFirst().first ?? "")
      guard
        head.contains("\r\nAuthorization: Bearer secret-token\r\n")
          || head.contains("\r\nauthorization: Bearer secret-token\r\n")
      else {
        return wire.write(answer(#"{"kind":"Status","code":401,"message":"Unauthorized"}"#, status: 401))
      }
      let path =
        "/apis/discovery.k8s.io/v1/namespaces/models/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dchat"
      guard target.hasPrefix(path) else {
        return wire.write(answer(#"{"kind":"Status","code":404,"message":"not found"}"#, status: 404))
      }
      guard target.contains("&watch=1") else {
        let turn = lists.withLock {
          $0 += 1
          return $0
        }
        return wire.write(
          answer(
            EndpointSliceTests.list(
              EndpointSliceTests.slice("a", EndpointSliceTests.endpoint("10.0.0.\(turn)")),
              version: turn * 100)))
      }
      let from = target.split(separator: "&").first { $0.hasPrefix("resourceVersion=") }.map {
        $0.dropFirst(16)
      }
      wire.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
      func event(_ type: String, _ object: String) {
        wire.write(chunk(#"{"type":"\#(type)","object":\#(object)}"#))
      }
      switch from {
      case "100":
        let both = EndpointSliceTests.endpoint("10.0.0.1") + "," + EndpointSliceTests.endpoint("10.0.0.9")
        event("MODIFIED", EndpointSliceTests.slice("a", both, version: 110))
        event("BOOKMARK", #"{"metadata":{"resourceVersion":"120"}}"#)
        wire.write("0\r\n\r\n")
      case "120":
        // What it was is forgotten: everything has to be listed again.
        event("ERROR", #"{"kind":"Status","code":410,"message":"too old resource version"}"#)
        wire.write("0\r\n\r\n")
      default: break
      }
    }
  }

  private static func place(_ place: Place, _ server: TestPeers.Backend, token: String = "secret-token")
    throws
    -> KubernetesService
  {
    var found = KubernetesService()
    (found.namespace, found.service) = ("models", "chat")
    found.tokenFile = try place.write("token", token + "\n")
    found.api = "http://\(server.address)"
    return found
  }

  @Test(
    "endpoints in Kubernetes are listed, watched from that version on, and listed again when it is too old")
  func kubernetes() async throws {
    let place = try Place()
    let server = try Self.apiServer()
    let watch = KubernetesWatch(place: try Self.place(place, server), zone: nil, world: try World())
    try await follow({ await watch.watch($0) }, "the list, the change and the next list") {
      $0.starts(with: ["10.0.0.1:8000", "10.0.0.1:8000 10.0.0.9:8000", "10.0.0.2:8000"])
    }
  }

  @Test("a refusal is told with the server's words, and never the token")
  func refused() async throws {
    let place = try Place()
    let server = try Self.apiServer()
    let watch = KubernetesWatch(
      place: try Self.place(place, server, token: "stolen-token"), zone: nil, world: try World())
    try await follow({ await watch.watch($0) }, "the refusal") {
      $0.first == "failed: the API server answers 401: Unauthorized"
    }
  }

  @Test("outside of a cluster the address has to be named")
  func outside() async throws {
    var place = KubernetesService()
    (place.namespace, place.service) = ("a", "b")
    let watch = KubernetesWatch(place: place, zone: nil, world: try World(), environment: [:])
    try await follow({ await watch.watch($0) }, "the reason") {
      $0.first?.contains("name backends.kubernetes.api") == true
    }
  }

  @Test("containers with a label are listed, and listed again with every event")
  func docker() async throws {
    let place = try Place()
    let path = place("docker.sock")
    let lists = Mutex(0)
    let again = try Event()
    let socket = try #require(SocketAddress(unixPath: path))
    let server = try TestPeers.Backend(
      at: socket,
      scripts: [
        { wire in
          let target = String(wire.readHead().split(separator: " ").dropFirst().first ?? "")
          let label = "%22label%22%3A%5B%22certd.service%3Dchat%22%5D"
          guard target.contains(label) else { return wire.write(Self.answer("{}", status: 400)) }
          if target.hasPrefix("/events?") {
            wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            again.wait()
            return wire.write(Self.chunk(#"{"Type":"container","Action":"start"}"#))
          }
          guard target.hasPrefix("/containers/json?"), target.contains("%22status%22%3A%5B%22running%22%5D")
          else {
            return wire.write(Self.answer("{}", status: 404))
          }
          let turn = lists.withLock {
            $0 += 1
            return $0
          }
          wire.write(
            Self.answer(
              #"[{"Ports":[{"PrivatePort":8000,"Type":"tcp"}],"NetworkSettings":{"Networks":{"b":{"IPAddress":"172.17.0.\#(turn)"}}}},"#
                + #"{"Ports":[],"NetworkSettings":{"Networks":{"host":{"IPAddress":""}}}}]"#))
        }
      ])
    var containers = DockerContainers()
    (containers.label, containers.socket) = ("certd.service=chat", path)
    let watch = DockerWatch(containers: containers, world: try World())
    let told = Told()
    let task = Task { await watch.watch { told.add($0) } }
    defer { task.cancel() }
    try await eventually("the first list: \(told.words)") { told.words.first == "172.17.0.1:8000" }
    again.signal()
    try await eventually("the second list: \(told.words)") {
      told.words.dropFirst().first == "172.17.0.2:8000"
    }
    task.cancel()
    _ = server
  }

  @Test("a file's backends come and go without a reload, and a broken one leaves what there was and is told")
  func file() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let authority = try TestCertificates(place, "files")
    _ = try authority.issue(["localhost"], called: "site")
    func server(_ name: String) throws -> TestPeers.Backend {
      try TestPeers.Backend { wire in
        while wire.readHead().hasSuffix("\r\n\r\n") {
          wire.write("HTTP/1.1 200 OK\r\nContent-Length: \(name.utf8.count)\r\n\r\n\(name)")
        }
      }
    }
    let (first, second) = (try server("first"), try server("second"))
    try place.write("backends.json", #"["\#(first.address)"]"#)
    try place.write(
      "certd.yaml",
      """
      store: store
      listeners: [{address: "127.0.0.1:0"}]
      certificates: [{cert: site.crt, key: site.key}]
      routes: [{service: chat}]
      services:
        chat:
          backends: {file: backends.json}
      """)
    let daemon = try await certd.run(["--config", place("certd.yaml")])
    let curl = try Curl(place, host: "localhost", port: daemon.httpsPort(), root: authority.rootPath)
    func metrics() async throws -> String {
      try await place.run(
        ["curl", "-sS", "--unix-socket", place("store/admin.sock"), "http://certd/metrics"], called: "curl"
      ).output
    }
    #expect(try await curl("/").output == "first")
    try place.write("backends.json", #"{"backends": ["\#(second.address)"]}"#)
    try await eventually("the second backend: \(daemon.log)") { try await curl("/").output == "second" }
    try place.write("backends.json", #"{"backends": ["nowhere"]}"#)
    try await eventually("the broken file to be told: \(daemon.log)") {
      try await metrics().contains(#"certd_discovery_up{service="chat",source="file"} 0"#)
    }
    #expect(daemon.log.contains("has no port"), "\(daemon.log)")
    #expect(try await curl("/").output == "second")
    try place.write("backends.json", "groups: [{backends: [\"\(first.address)\"]}]")
    try await eventually("the first one again: \(daemon.log)") { try await curl("/").output == "first" }
    #expect(try await metrics().contains(#"certd_discovery_up{service="chat",source="file"} 1"#))
    _ = try await daemon.stop()
  }
}
