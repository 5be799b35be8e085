import Bytes
import CLinux
import CertStore
import OS
import PKI
import Renewal
import Synchronization

/// Does one thing to a store and kills itself at a given call on the file system.
///
/// `CrashProbe SCENARIO STORE FIXTURES N`: exits 0 when it finished before call N.
@main struct CrashProbe {
  static let now = UnixTime(seconds: 1_800_000_000)

  static func main() async throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 5, let fatal = Int(arguments[4]) else { exit(64) }
    let calls = Mutex(0)
    let fs = FileSystem(maximumWriteInBytes: 400) { (_: String, _: String) throws(SystemError) in
      let count = calls.withLock { count in
        count += 1
        return count
      }
      if count == fatal { kill(getpid(), SIGKILL) }
    }
    let store = try CertStore.open(root: arguments[2], fs: fs)
    if arguments[1] == "renew" { return await renew(store, directory: arguments[3]) }
    let plain = FileSystem()
    let key = try PrivateKey(pem: plain.read(arguments[3] + "/key.pem", limitInBytes: 1 << 20))
    let chain = try CertificateChain(pem: plain.read(arguments[3] + "/chain.pem", limitInBytes: 1 << 20))
    try run(arguments[1], store, key, chain)
  }

  /// A forced renewal by the local CA with a hook that writes down which generation it was run for.
  static func renew(_ store: CertStore, directory: String) async {
    let executor = Executor(
      store: store, issuers: ["local": LocalAuthority(store: store, now: { now })],
      policy: Policy(builtAt: now - 86_400),
      environment: .init(
        now: { now }, random: { 0.5 },
        hookEnvironment: ["PATH": "/usr/bin:/bin", "LOG": directory + "/log"]))
    let hook = #"readlink "$RENEWED_LINEAGE" >> "$LOG""#
    let wanted = ManagedCertificate(
      name: LineageName(.dns("example.com")), identifiers: [.dns("example.com")], issuer: "local",
      deploys: [.command(text: hook, timeoutSeconds: 60)])
    let report = await executor.run([wanted], force: .all)
    if report.hasFailure { exit(66) }
  }

  static func run(_ scenario: String, _ store: CertStore, _ key: PrivateKey, _ chain: CertificateChain) throws
  {
    guard let name = LineageName("example.com") else { exit(64) }
    switch scenario {
    case "publish":
      guard let lock = try store.lock(name) else { exit(65) }
      let meta = CertificateMeta(
        identifiers: chain.leaf.identifiers, keyType: key.type, issuer: "test", storedAt: now)
      let task = try DeployTask(name: name, leaf: chain.leaf, command: "true", domains: [], now: now)
      try store.publish(lock, key: key, chain: chain, meta: meta, deploys: [task], now: now)
    case "order":
      guard let lock = try store.lock(name) else { exit(65) }
      try store.recordOrder(
        lock, PendingOrder(url: "new", identifiers: [], issuer: "test", key: key, startedAt: now))
    case "account":
      let record = AccountRecord(directory: "d", contacts: [], createdAt: now)
      var account = try store.createAccount(host: "ca.test", key: key, record: record)
      account.record.url = "u"
      try store.updateAccount(account)
    case "ledger":
      try store.append(LedgerEntry(at: now, event: .issued, name: name, issuer: "new", identifiers: []))
    case "deploy":
      try store.enqueue(DeployTask(name: name, leaf: chain.leaf, command: "new", domains: [], now: now))
    case "challenge":
      try store.challenges.publish(token: "token", keyAuthorization: "token.answer")
    case "root":
      _ = try store.createLocalRoot(key: key, certificate: chain.leaf, now: now)
    default: exit(64)
    }
  }
}
