internal import EventLoop
internal import HTTP
internal import OS
internal import Synchronization
internal import TLS

/// The thread that owns all of the client's sockets.
final class ControlLoop: @unchecked Sendable {
  enum Message: Sendable {
    case start(Job)
    case resolved(Job, Result<[SocketAddress], SystemError>)
    case cancel(Job)
    case stop
  }

  let mailbox: Mailbox<Message>
  private let poller: Poller
  let pipe = RecordPipe()
  var fields = FieldSection(capacity: 256)
  private let proxy: ProxyRules
  private var connections: [UInt32: Connection] = [:]
  private var byJob: [ObjectIdentifier: Connection] = [:]
  private var idle: [String: [Connection]] = [:]
  private var nextIndex: UInt32 = 1
  private var isStopped = false
  private var systemContext: ClientContext?

  /// Unused connections kept for one origin.
  private static let maximumIdlePerOrigin = 4
  private let idleMilliseconds: UInt64

  init(proxy: ProxyRules, idleMilliseconds: UInt64) throws(SystemError) {
    self.idleMilliseconds = idleMilliseconds
    self.proxy = proxy
    mailbox = try Mailbox()
    poller = try Poller()
    _ = poller.addLevel(mailbox.descriptor, Token(kind: 0, index: 0, generation: 0))
  }

  func start() throws(SystemError) {
    // The thread keeps the loop alive until it is told to stop.
    try Thread.start("certd-control") { self.run() }.detach()
  }

  func stop() { mailbox.post(.stop) }

  private func run() {
    while !isStopped {
      let count = poller.wait(milliseconds: waitMilliseconds())
      for i in 0..<count {
        let event = poller.event(i)
        if event.token.kind == 0 {
          for message in mailbox.take() { handle(message) }
        } else if let connection = connections[event.token.index] {
          connection.event(event.readiness)
        }
      }
      expire()
    }
    for connection in Array(connections.values) { connection.fail(.cancelled, "the client was stopped") }
  }

  static func now() -> UInt64 { Clock.monotonicNanoseconds() / 1_000_000 }

  private func waitMilliseconds() -> Int32 {
    guard let first = connections.values.map(\.deadline).min() else { return -1 }
    let now = Self.now()
    return first <= now ? 0 : Int32(truncatingIfNeeded: min(first - now + 1, 60_000))
  }

  private func expire() {
    let now = Self.now()
    for connection in Array(connections.values) where connection.deadline <= now { connection.timedOut() }
  }

  private func handle(_ message: Message) {
    switch message {
    case .start(let job): begin(job)
    case .resolved(let job, let result):
      guard let connection = byJob[ObjectIdentifier(job)] else { return }
      switch result {
      case .success(let addresses): connection.connect(to: addresses)
      case .failure(let error): connection.fail(.resolve, error.description)
      }
    case .cancel(let job):
      byJob[ObjectIdentifier(job)]?.fail(.cancelled, "cancelled")
      job.finish(.failure(HTTPClientError(.cancelled, "cancelled")))
    case .stop: isStopped = true
    }
  }

  private func begin(_ job: Job) {
    // Cancelled before it began.
    guard !job.isFinished else { return }
    let (deadline, isFar) = Self.now().addingReportingOverflow(job.options.deadlineMilliseconds)
    if job.options.keepsAlive, let kept = idle[originKey(job)]?.popLast() {
      byJob[ObjectIdentifier(job)] = kept
      return kept.reuse(for: job, deadline: isFar ? .max : deadline)
    }
    beginFresh(job, deadline: isFar ? .max : deadline)
  }

  /// Does a job on a new connection.
  func beginFresh(_ job: Job, deadline: UInt64) {
    var via: URL?
    if job.options.address == nil {
      do throws(HTTPClientError) {
        via = try proxy.proxy(for: job.url)
      } catch { return job.finish(.failure(error)) }
    }
    let connection = Connection(
      loop: self, index: nextIndex, job: job, key: originKey(job), via: via, deadline: deadline)
    nextIndex = nextIndex == .max ? 1 : nextIndex + 1
    connections[connection.index] = connection
    byJob[ObjectIdentifier(job)] = connection
    if let address = job.options.address { return connection.connect(to: [address]) }
    let target = via ?? job.url
    if let literal = SocketAddress(host: target.host, port: target.port) {
      return connection.connect(to: [literal])
    }
    resolve(job, target)
  }

  /// getaddrinfo blocks: each look-up has a short-lived thread of its own.
  private func resolve(_ job: Job, _ url: URL) {
    let mailbox = mailbox
    do throws(SystemError) {
      try Thread.start("certd-resolve") {
        do throws(SystemError) {
          mailbox.post(.resolved(job, .success(try Resolver.resolve(host: url.host, port: url.port))))
        } catch { mailbox.post(.resolved(job, .failure(error))) }
      }.detach()
    } catch { byJob[ObjectIdentifier(job)]?.fail(.resolve, error.description) }
  }

  private func originKey(_ job: Job) -> String {
    let context = job.options.context.map { "\(UInt(bitPattern: ObjectIdentifier($0)))" } ?? "-"
    return "\(job.url.scheme) \(job.url.authority) \(job.options.address?.description ?? "-") \(context)"
  }

  /// The context for the system's roots, made when first needed.
  func context(for job: Job) throws(ContextError) -> ClientContext {
    if let given = job.options.context { return given }
    if let systemContext { return systemContext }
    let made = try ClientContext()
    systemContext = made
    return made
  }

  func register(_ fd: Int32, _ connection: Connection) -> Bool {
    poller.add(fd, Token(kind: 1, index: connection.index, generation: 0)) == 0
  }

  /// A connection has finished its job and can serve another.
  func keep(_ connection: Connection, _ job: Job) {
    byJob[ObjectIdentifier(job)] = nil
    guard idle[connection.key, default: []].count < Self.maximumIdlePerOrigin else {
      return connection.close()
    }
    connection.deadline = Self.now() + idleMilliseconds
    idle[connection.key, default: []].append(connection)
  }

  /// A connection is closed.
  func forget(_ connection: Connection, _ job: Job?) {
    if let job { byJob[ObjectIdentifier(job)] = nil }
    connections[connection.index] = nil
    idle[connection.key]?.removeAll { $0 === connection }
    if idle[connection.key]?.isEmpty == true { idle[connection.key] = nil }
  }
}
