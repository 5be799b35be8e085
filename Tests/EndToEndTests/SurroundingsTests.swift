import EndToEnd
import OS
import TestRun
import Testing

/// What surrounds certd is not as it should be: what it says, and that nothing is lost.
@Suite("At the edges", .ownThread) struct SurroundingsTests {
  private static let isRoot = FileSystem.ownUser == 0
  private let place: Place
  private let certd: Certd

  init() throws {
    place = try Place()
    certd = try Certd(place)
    try configure()
  }

  private func configure(_ port: UInt16 = 0, store: String = "store", acme: String = "issuers: [local]")
    throws
  {
    try place.write(
      "certd.yaml",
      """
      store: \(store)
      acme: { \(acme) }
      listeners: [{address: "127.0.0.1:\(port)"}]
      routes: [{hosts: [localhost], service: a}]
      services: {a: {backends: ["127.0.0.1:1"], health: {enabled: false}}}
      """)
  }

  private var renew: [String] {
    [
      "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", certdPath, "renew", "--no-delay", "--config",
      place("certd.yaml"),
    ]
  }
  private var certdPath: String { (try? Place.certd()) ?? "" }

  /// A shell in namespaces of its own, where mounts are its own.
  private func apart(_ script: String, network: Bool = false) async throws -> Place.Finished {
    try await place.run(["unshare", network ? "-mn" : "-m", "sh", "-c", script], called: "unshare")
  }

  /// Whether this machine lets root have namespaces; a container may not.
  private func mayStandApart() async throws -> Bool {
    let tried = try await place.run(["unshare", "-mn", "true"], called: "unshare-tried")
    if tried.ending != .exited(0) { print("namespaces cannot be made here: skipped") }
    return tried.ending == .exited(0)
  }

  private func quoted(_ words: [String]) -> String { words.map { "'\($0)'" }.joined(separator: " ") }

  @Test(
    "a full disk is told with what to do, and what was stored is still there",
    .enabled(if: isRoot, "not root: skipped"))
  func fullDisk() async throws {
    guard try await mayStandApart() else { return }
    let first = try await certd("renew", with: ["--no-delay", "--config", place("certd.yaml")])
    #expect(first.ending == .exited(0), "\(first)")
    let told = try await apart(
      """
      mkdir full && mount -t tmpfs -o size=256k tmpfs full && cp -a store/. full/ && mount --bind full store || exit 99
      dd if=/dev/zero of=store/fill bs=1k count=1000 2>/dev/null
      \(quoted(renew + ["--force"])); echo status $?
      rm store/fill; cat store/certificates/localhost/current/fullchain.pem | head -1
      """)
    #expect(told.output.contains("status 1") && told.output.contains("BEGIN CERTIFICATE"), "\(told)")
    #expect(told.errors.contains("No space left on device; make room on its disk"), "\(told)")
  }

  @Test(
    "a read-only store is told with what to do, and its certificates are served",
    .enabled(if: isRoot, "not root: skipped"))
  func readOnly() async throws {
    guard try await mayStandApart() else { return }
    let first = try await certd("renew", with: ["--no-delay", "--config", place("certd.yaml")])
    #expect(first.ending == .exited(0), "\(first)")
    let told = try await apart(
      """
      mount --bind store store && mount -o remount,ro,bind store || exit 99
      \(quoted(renew + ["--force"])); echo status $?
      """)
    #expect(told.output.contains("status 1"), "\(told)")
    #expect(
      told.errors.contains("Read-only file system; its file system is read-only: remount it"), "\(told)")
  }

  @Test("what root makes in another user's store is that user's", .enabled(if: isRoot, "not root: skipped"))
  func othersStore() async throws {
    let files = FileSystem()
    let first = try await certd("renew", with: ["--no-delay", "--config", place("certd.yaml")])
    #expect(first.ending == .exited(0), "\(first)")
    _ = try await place.run(["chown", "-R", "65533:65532", place("store")], called: "chown")
    let second = try await certd("renew", with: ["--no-delay", "--force", "--config", place("certd.yaml")])
    #expect(second.ending == .exited(0), "\(second)")
    let foreign = try await place.run(
      ["find", place("store"), "!", "-user", "65533", "-o", "!", "-group", "65532"], called: "find")
    #expect(foreign.ending == .exited(0) && foreign.output == "", "\(foreign)")
    #expect(try files.status(place("store/certificates/localhost/gen-2/privkey.pem")).mode == 0o600)
  }

  @Test("a store of another user is told with what to do", .enabled(if: isRoot, "not root: skipped"))
  func notOurs() async throws {
    let first = try await certd("renew", with: ["--no-delay", "--config", place("certd.yaml")])
    #expect(first.ending == .exited(0), "\(first)")
    let told = try await place.run(
      ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups"] + renew, called: "setpriv")
    #expect(told.ending != .exited(0))
    #expect(told.errors.contains("Permission denied"), "\(told)")
  }

  @Test(
    "without a network, or a name server, the CA is not reached, which is told by its name",
    .enabled(if: isRoot, "not root: skipped"))
  func noNetwork() async throws {
    guard try await mayStandApart() else { return }
    try configure(
      acme:
        "email: ops@example.com, agree_tos: true, issuers: [{name: ca, directory: \"https://ca.example.com/dir\"}]"
    )
    try place.write(
      "certd.yaml",
      place.read("certd.yaml").replacing("hosts: [localhost]", with: "hosts: [llm.example.com]")
        .replacing("listeners: [", with: "listeners: [{address: \"127.0.0.1:0\", redirect: https}, "))
    let told = try await apart("timeout -s INT 3 \(quoted(renew))", network: true)
    #expect(told.errors.contains("ca: directory: no answer: connect: ca.example.com"), "\(told)")
    #expect(told.errors.contains("trying again"), "\(told)")
  }

  @Test("a port that somebody has is told with how to find out who")
  func portTaken() async throws {
    let port = try FreePort.take()
    let held = try await place.start(
      [
        "python3", "-c",
        "import socket,time; s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
          + "s.bind(('127.0.0.1',\(port))); s.listen(); print('up', flush=True); time.sleep(600)",
      ], called: "holder")
    try await eventually("the port is held") { held.output.contains("up") }
    try configure(port)
    let told = try await certd("run", with: ["--config", place("certd.yaml")])
    #expect(told.ending == .exited(1))
    #expect(
      told.errors.contains("127.0.0.1:\(port): bind: Address already in use; another program listens there"),
      "\(told)")
    #expect(told.errors.contains("ss -ltnp"))
  }
}
