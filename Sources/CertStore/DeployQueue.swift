public import Bytes
import OS
public import PKI

/// One thing to be done because a certificate was renewed; survives until it has succeeded.
public struct DeployTask: Codable, Sendable, Equatable {
  /// The name of its file: the certificate, the action and the leaf.
  public let id: String
  /// The certificate's name.
  public let name: String
  /// The SHA-256 of the leaf it is about, in hexadecimal: another leaf being served makes it void.
  public let leafSHA256: String
  /// What to do.
  public let action: DeployAction
  /// The names in the certificate.
  public let domains: [String]
  /// When it was queued.
  public let queuedAt: UnixTime
  /// Its place among the tasks of one renewal: they are carried out in the operator's order.
  public let position: Int?
  /// How often it has failed.
  public var failures: Int
  /// Why it failed last.
  public var lastError: String?
  /// The daemon does not try again before this.
  public var nextAttemptAt: UnixTime?

  /// An action for a certificate that is about to be served.
  public init(
    name: LineageName, leaf: Certificate, action: DeployAction, domains: [String], now: UnixTime,
    position: Int? = nil
  ) throws(PKIError) {
    try self.init(
      name: name.description, leafSHA256: Hex.encode(leaf.sha256), action: action, domains: domains, now: now,
      position: position)
  }

  private init(
    name: String, leafSHA256 sha256: String, action: DeployAction, domains: [String], now: UnixTime,
    position: Int?
  ) throws(PKIError) {
    self.position = position
    // Text, numbers and nothing else: there is always JSON for it.
    let digest = try Digest.sha256((try? StoreJSON.line(action)) ?? [])
    id = "\(name).\(Hex.encode(digest).prefix(16)).\(sha256.prefix(16))"
    self.name = name
    leafSHA256 = sha256
    self.action = action
    self.domains = domains
    queuedAt = now
    failures = 0
  }

  /// A shell command for a certificate that is about to be served.
  public init(
    name: LineageName, leaf: Certificate, command: String, domains: [String], now: UnixTime
  ) throws(PKIError) {
    try self.init(
      name: name, leaf: leaf,
      action: .command(text: command, timeoutSeconds: DeployAction.defaultTimeoutSeconds), domains: domains,
      now: now)
  }

  /// The task that stands in its place when the configuration names another action there.
  public func replaced(by action: DeployAction, now: UnixTime) -> DeployTask? {
    try? DeployTask(
      name: name, leafSHA256: leafSHA256, action: action, domains: domains, now: now, position: position)
  }

  /// Whether another task is the same action for another leaf of the same certificate.
  func supersedes(_ other: DeployTask) -> Bool {
    name == other.name && action == other.action && leafSHA256 != other.leafSHA256
  }
}

extension CertStore {
  /// The tasks in the queue, oldest first. Damaged ones are moved to quarantine.
  public func deploys(now: UnixTime) throws(StoreError) -> [DeployTask] {
    try doing("reading the deploy queue") {
      var tasks: [DeployTask] = []
      for file in try fs.list(layout.deploys) where file.hasSuffix(".json") {
        let path = layout.deploys + "/" + file
        var reason = "\(layout.relative(path)) is another task's"
        switch try readRecord(DeployTask.self, path) {
        case .missing: continue
        case .damaged(let why): reason = why
        case .found(let task):
          if path == deployPath(task) {
            tasks.append(task)
            continue
          }
        }
        _ = try underStoreLock { quarantine(path, subject: "deploys", reason: reason, now: now) }
      }
      return tasks.sorted {
        ($0.queuedAt, $0.name, $0.position ?? .max, $0.id) < (
          $1.queuedAt, $1.name, $1.position ?? .max, $1.id
        )
      }
    }
  }

  /// Puts a task into the queue, or replaces it there.
  public func enqueue(_ task: DeployTask) throws(StoreError) {
    try doing("queueing a deployment of \(task.name)") {
      try underStoreLock { try fs.publish(deployPath(task), StoreJSON.file(task), mode: 0o600) }
    }
  }

  /// Takes a task out of the queue: it has succeeded or is void.
  public func dequeue(_ task: DeployTask) throws(StoreError) {
    try doing("removing a deployment of \(task.name)") {
      try underStoreLock {
        try fs.unlinkIfPresent(deployPath(task))
        try fs.flushDirectory(layout.deploys)
      }
    }
  }

  /// Takes out what a newer task for a certificate that is served now has made pointless.
  func removeSuperseded(by task: DeployTask) {
    for other in (try? deploys(now: task.queuedAt)) ?? [] where task.supersedes(other) { try? dequeue(other) }
  }

  private func deployPath(_ task: DeployTask) -> String { "\(layout.deploys)/\(task.id).json" }
}
