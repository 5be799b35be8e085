public import Bytes
public import HTTP
public import HTTPClient
internal import JSON
internal import Synchronization
public import TLS

/// Asks etcd. All of its calls may be repeated by whoever does not know whether one has come through: comparisons see to
/// that.
public final class EtcdClient: Sendable {
  /// Where etcd is, and who we are there.
  public struct Configuration: Sendable {
    /// Its members.
    public var endpoints: [URL]
    /// Whom to trust, and what we show; nil for the system's roots.
    public var context: ClientContext?
    /// The user, where etcd asks for one.
    public var user: String?
    /// Its password. Never shown.
    public var password: String?

    /// A place.
    public init(
      endpoints: [URL], context: ClientContext? = nil, user: String? = nil, password: String? = nil
    ) {
      self.endpoints = endpoints
      self.context = context
      self.user = user
      self.password = password
    }
  }

  /// For one answer of one member, in milliseconds.
  public static let callMilliseconds: UInt64 = 4_000
  /// How long one watch stands before it is begun anew where it has come to, in milliseconds: one whose connection has
  /// died unseen is missed no longer.
  public static let watchMilliseconds: UInt64 = 30_000
  /// The largest answer, in bytes.
  public static let maximumAnswerInBytes = 64 << 20
  /// Keys in one page of a list.
  public static let pageKeys = 250

  private struct State {
    var preferred = 0
    var token: String?
    var heard: (time: UnixTime, uptime: Int64)?
  }

  private let configuration: Configuration
  private let http: HTTPClient
  private let uptime: @Sendable () -> Int64
  private let state = Mutex(State())

  /// A client. `uptime` is in seconds and never goes back.
  public init(
    _ configuration: Configuration, http: HTTPClient, uptime: @escaping @Sendable () -> Int64
  ) {
    self.configuration = configuration
    self.http = http
    self.uptime = uptime
  }

  /// How far our clock is ahead of etcd's, in seconds, by the last answer; nil before the first one.
  public func clockOffset(now: UnixTime) -> Int64? {
    let (heard, uptime) = (state.withLock { $0.heard }, uptime())
    return heard.map { now - ($0.time + (uptime - $0.uptime)) }
  }

  // MARK: Keys

  /// A key as a majority has it; nil when it is not there.
  public func get(_ key: String) async throws(EtcdError) -> KeyValue? {
    let answer = try await ask("kv/range", Wire.range(from: key, prefix: nil, limit: 1, revision: 0))
    return try Wire.keyValues(answer).first
  }

  /// Every key that begins so, as one revision has them.
  public func list(prefix: String) async throws(EtcdError) -> (all: [KeyValue], revision: Int64) {
    var all: [KeyValue] = []
    var (from, revision) = (prefix, Int64(0))
    while true {
      let answer = try await ask(
        "kv/range", Wire.range(from: from, prefix: prefix, limit: Self.pageKeys, revision: revision))
      if revision == 0 { revision = try Wire.revision(of: answer) }
      let page = try Wire.keyValues(answer)
      all += page
      guard answer["more"]?.bool == true, let last = page.last else { return (all, revision) }
      from = last.key + "\0"
    }
  }

  /// Makes changes together.
  public func commit(_ transaction: Transaction) async throws(EtcdError) -> TransactionResult {
    try Wire.result(await ask("kv/txn", Wire.transaction(transaction)))
  }

  /// Forgets what was before a revision.
  public func compact(_ revision: Int64) async throws(EtcdError) {
    _ = try await ask("kv/compaction", ["revision": Wire.number(revision), "physical": true])
  }

  // MARK: Leases

  /// A lease of so many seconds; its number.
  public func grant(seconds: Int64) async throws(EtcdError) -> Int64 {
    let answer = try await ask("lease/grant", ["TTL": Wire.number(seconds)])
    guard let id = answer["ID"]?.int, id != 0 else { throw .malformed("no lease") }
    return id
  }

  /// Keeps a lease; the seconds that it has from now on, 0 when it is over.
  public func keepAlive(_ lease: Int64) async throws(EtcdError) -> Int64 {
    let answer = try await ask("lease/keepalive", ["ID": Wire.number(lease)])
    guard let result = answer["result"], let seconds = Wire.integer(result, "TTL") else {
      throw .malformed("no lease")
    }
    return seconds
  }

  /// Ends a lease, and with it every key that it holds.
  public func revoke(_ lease: Int64) async throws(EtcdError) {
    _ = try await ask("lease/revoke", ["ID": Wire.number(lease)])
  }

  // MARK: Watching

  /// What happens to keys that begin so, from a revision on. Ends with `.ended` or `.compacted`.
  public func watch(prefix: String, from revision: Int64) -> AsyncStream<WatchMessage> {
    let (stream, tell) = AsyncStream.makeStream(of: WatchMessage.self)
    let body = Array(Wire.watch(prefix: prefix, from: revision).text.utf8)
    let task = Task {
      await self.watch(body, tell)
      tell.finish()
    }
    tell.onTermination = { _ in task.cancel() }
    return stream
  }

  private func watch(_ body: [UInt8], _ tell: AsyncStream<WatchMessage>.Continuation) async {
    var failure = EtcdError.unreachable("no endpoint")
    for (index, endpoint) in turns() {
      guard let url = endpoint.resolving("/v3/watch") else { continue }
      let reader = Mutex(WatchReader())
      do throws(EtcdError) {
        let token = try await token(at: endpoint)
        var options = HTTPClient.Options(
          context: configuration.context, deadlineMilliseconds: Self.watchMilliseconds,
          maximumBodyBytes: Self.maximumAnswerInBytes, keepsAlive: false)
        options.taking = { piece in
          for message in reader.withLock({ $0.take(piece) }) { tell.yield(message) }
        }
        var fields: Fields = [.init("Grpc-Metadata-hasleader", "true")]
        if let token { fields.add("Authorization", token) }
        let response: Response
        do throws(HTTPClientError) {
          response = try await http.send(Request("POST", url, fields: fields, body: body), options)
        } catch {
          // Its time was up.
          if error.kind == .timeout, reader.withLock({ $0.hasBegun }) { return _ = tell.yield(.ended(nil)) }
          throw .unreachable("\(endpoint.authority): \(error.reason)")
        }
        throw response.status == 200
          ? reader.withLock { $0.failure } ?? .unreachable("\(endpoint.authority): the watch was ended")
          : Wire.refusal(status: response.status, reader.withLock { $0.rest })
      } catch {
        failure = error
        note(failure, at: index)
        // From where it had come to, by whoever reads the messages.
        if reader.withLock({ $0.hasBegun }) || Task.isCancelled { break }
      }
    }
    tell.yield(.ended(failure))
  }

  // MARK: Asking

  /// The members, beginning with the one that answered last.
  private func turns() -> [(Int, URL)] {
    let all = Array(configuration.endpoints.enumerated())
    let first = state.withLock { $0.preferred } % max(1, all.count)
    return (all[first...] + all[..<first]).map { ($0.offset, $0.element) }
  }

  private func note(_ failure: EtcdError, at index: Int) {
    state.withLock { state in
      if case .unreachable = failure, state.preferred == index {
        state.preferred = (index + 1) % configuration.endpoints.count
      }
      // Code 16: the token is not taken any more.
      if case .refused(16, _) = failure { state.token = nil }
    }
  }

  private func ask(_ path: String, _ question: JSONValue) async throws(EtcdError) -> JSONValue {
    var failure = EtcdError.unreachable("no endpoint")
    let body = Array(question.text.utf8)
    for (index, endpoint) in turns() {
      for attempt in 0..<2 {
        do throws(EtcdError) {
          let token = try await token(at: endpoint)
          let answer = try await send(path, body, endpoint, token)
          state.withLock { $0.preferred = index }
          return answer
        } catch {
          failure = error
          note(failure, at: index)
          if case .refused(16, _) = failure, configuration.user != nil, attempt == 0 { continue }
          guard case .unreachable = failure else { throw failure }
          break
        }
      }
      if Task.isCancelled { break }
    }
    throw failure
  }

  private func token(at endpoint: URL) async throws(EtcdError) -> String? {
    guard let user = configuration.user else { return nil }
    if let token = state.withLock({ $0.token }) { return token }
    let question: JSONValue = ["name": .string(user), "password": .string(configuration.password ?? "")]
    let answer = try await send("auth/authenticate", Array(question.text.utf8), endpoint, nil)
    guard let token = answer["token"]?.string, token.utf8.count <= 4096 else { throw .malformed("no token") }
    state.withLock { $0.token = token }
    return token
  }

  private func send(
    _ path: String, _ body: [UInt8], _ endpoint: URL, _ token: String?
  ) async throws(EtcdError) -> JSONValue {
    guard let url = endpoint.resolving("/v3/\(path)") else { throw .unreachable("\(endpoint): no address") }
    var fields: Fields = []
    if let token { fields.add("Authorization", token) }
    let response: Response
    do throws(HTTPClientError) {
      response = try await http.send(
        Request("POST", url, fields: fields, body: body),
        .init(
          context: configuration.context, deadlineMilliseconds: Self.callMilliseconds,
          maximumBodyBytes: Self.maximumAnswerInBytes))
    } catch { throw .unreachable("\(endpoint.authority): \(error.reason)") }
    if let date = response.fields["Date"].flatMap({ UnixTime(httpDate: $0) }) {
      let uptime = uptime()
      state.withLock { $0.heard = (date, uptime) }
    }
    guard response.status == 200 else { throw Wire.refusal(status: response.status, response.body) }
    guard let answer = try? JSONValue(parsing: response.body), case .object = answer else {
      throw .malformed("no JSON object")
    }
    return answer
  }
}

/// Cuts what a watch sends into messages. Pure.
struct WatchReader {
  private(set) var hasBegun = false
  private(set) var failure: EtcdError?
  /// What has come and is no whole line yet.
  private(set) var rest: [UInt8] = []

  /// The messages that a piece completes; none after a failure.
  mutating func take(_ piece: [UInt8]) -> [WatchMessage] {
    guard failure == nil else { return [] }
    rest += piece
    var messages: [WatchMessage] = []
    while let end = rest.firstIndex(of: 0x0A) {
      let line = rest[..<end]
      do throws(EtcdError) {
        if let message = try Wire.message(line) {
          messages.append(message)
          hasBegun = true
        }
      } catch { failure = error }
      rest.removeSubrange(...end)
    }
    if rest.count > EtcdClient.maximumAnswerInBytes {
      failure = .malformed("a line of more than \(EtcdClient.maximumAnswerInBytes) bytes")
      rest.removeAll()
    }
    return messages
  }
}
