import Configuration
import HTTP
import HTTPClient
import JSON
import OS
import Synchronization
import TLS

/// The endpoints of a service in Kubernetes: listed, then watched.
struct KubernetesWatch {
  let place: KubernetesService
  let zone: String?
  let world: World
  /// The environment, which names the cluster's API server to pods.
  var environment = Subprocess.inheritedEnvironment()

  /// The largest list, and the largest event, that is read, in bytes.
  static let maximumBytes = 16 << 20
  /// How long a list may take, in milliseconds.
  static let listMilliseconds: UInt64 = 30_000
  /// How long one watch lasts, in seconds: the server ends it, and it is begun again from where it was.
  static let watchSeconds: UInt64 = 300

  /// A watch that ends sooner is begun again after a pause, in nanoseconds.
  static let shortestWatchNanoseconds: UInt64 = 1_000_000_000
  /// The most pieces of events that wait to be read: what comes faster ends the watch.
  static let maximumPieces = 1024
  /// The most slices of one service.
  static let maximumSlices = 1000

  private struct Failure: Error { let reason: String }

  func watch(_ tell: @escaping @Sendable (DiscoveryOutcome) -> Void) async {
    var pause = DiscoveryPause()
    while !Task.isCancelled {
      do {
        var slices = try await list()
        pause.reset()
        tell(.found(found(slices)))
        while !Task.isCancelled {
          let began = Clock.monotonicNanoseconds()
          guard try await follow(&slices, tell) else { break }
          // A server that ends each watch at once is not asked again and again.
          guard Clock.monotonicNanoseconds() - began > Self.shortestWatchNanoseconds else { break }
        }
        guard (try? await World.sleep(seconds: DiscoveryPause.first)) != nil else { return }
        continue
      } catch let failure as Failure { tell(.failed(failure.reason)) } catch { tell(.failed("\(error)")) }
      guard (try? await World.sleep(seconds: pause.take(chance: World.random()))) != nil else { return }
    }
  }

  private func found(_ slices: EndpointSlices) -> FoundBackends {
    FoundBackends(slices.endpoints(port: place.port), zone: zone)
  }

  private func list() async throws -> EndpointSlices {
    let (request, options) = try call("", milliseconds: Self.listMilliseconds)
    let response = try await world.client.send(request, options)
    guard response.status == 200 else { throw refusal(response) }
    guard let value = try? JSONValue(parsing: response.body) else {
      throw Failure(reason: "the answer is no JSON")
    }
    do throws(EndpointSlices.Unusable) { return try EndpointSlices(list: value) } catch {
      throw Failure(reason: error.reason)
    }
  }

  /// One watch, to its end; false when all has to be listed again.
  private func follow(
    _ slices: inout EndpointSlices, _ tell: @escaping @Sendable (DiscoveryOutcome) -> Void
  ) async throws -> Bool {
    var (request, options) = try call(
      "&watch=1&allowWatchBookmarks=true&timeoutSeconds=\(Self.watchSeconds)&resourceVersion=\(slices.version)",
      milliseconds: (Self.watchSeconds + 30) * 1000)
    let (pieces, feed) = AsyncStream.makeStream(
      of: [UInt8].self, bufferingPolicy: .bufferingOldest(Self.maximumPieces))
    let isFlooded = Mutex(false)
    options.content = { piece in
      guard case .dropped = feed.yield(piece) else { return }
      isFlooded.withLock { $0 = true }
      feed.finish()
    }
    let (client, asked, how) = (world.client, request, options)
    let answer = Task { () -> Result<Response, HTTPClientError> in
      defer { feed.finish() }
      do throws(HTTPClientError) { return .success(try await client.send(asked, how)) } catch {
        return .failure(error)
      }
    }
    defer { answer.cancel() }
    var lines = LineBuffer(maximumBytes: Self.maximumBytes)
    for await piece in pieces {
      for line in lines.take(piece) {
        guard let event = try? JSONValue(parsing: line) else {
          throw Failure(reason: "a line of the watch is no JSON")
        }
        let change: EndpointSlices.Change
        do throws(EndpointSlices.Unusable) { change = try slices.apply(event) } catch {
          throw Failure(reason: error.reason)
        }
        switch change {
        case .changed: tell(.found(found(slices)))
        case .bookmark: break
        case .gone: return false
        case .refused(let reason): throw Failure(reason: reason)
        }
      }
      if lines.isTooLong { throw Failure(reason: "an event is larger than \(Self.maximumBytes) bytes") }
      if slices.count > Self.maximumSlices {
        throw Failure(reason: "the service has more than \(Self.maximumSlices) slices")
      }
    }
    if isFlooded.withLock({ $0 }) { throw Failure(reason: "events come faster than they can be read") }
    let response = try await answer.value.get()
    if response.status == 410 { return false }
    guard response.status == 200 else { throw refusal(response) }
    return true
  }

  private func refusal(_ response: Response) -> Failure {
    let told =
      (try? JSONValue(parsing: response.body))?["message"]?.string.map { ": \($0.prefix(200))" } ?? ""
    return Failure(reason: "the API server answers \(response.status)\(told)")
  }

  private func call(_ more: String, milliseconds: UInt64) throws -> (Request, HTTPClient.Options) {
    let files = FileSystem()
    func text(_ path: String) throws -> String {
      String(decoding: try files.read(path, limitInBytes: 1 << 20, followingLinks: true), as: UTF8.self)
        .filter { !$0.isWhitespace }
    }
    var api = place.api
    if api == nil, let host = environment["KUBERNETES_SERVICE_HOST"] {
      let name = host.contains(":") ? "[\(host)]" : host
      api = "https://\(name):\(environment["KUBERNETES_SERVICE_PORT"] ?? "443")"
    }
    guard let api else {
      throw Failure(
        reason: "certd runs in no pod (KUBERNETES_SERVICE_HOST is not set): name backends.kubernetes.api")
    }
    let namespace = try place.namespace ?? text(KubernetesService.account + "/namespace")
    let path =
      "/apis/discovery.k8s.io/v1/namespaces/\(namespace)/endpointslices"
      + "?labelSelector=kubernetes.io%2Fservice-name%3D\(place.service)\(more)"
    guard let url = URL((api.hasSuffix("/") ? String(api.dropLast()) : api) + path) else {
      throw Failure(reason: "\(api) is no address of an API server")
    }
    var options = HTTPClient.Options(
      deadlineMilliseconds: milliseconds, maximumBodyBytes: Self.maximumBytes, keepsAlive: false)
    if url.scheme == .https {
      let roots = try files.read(place.roots, limitInBytes: 1 << 20, followingLinks: true)
      options.context = try ClientContext(
        trust: .init(system: false, extraPEM: [roots], verifies: true), applicationProtocols: ["http/1.1"])
    }
    let request = Request(
      "GET", url,
      fields: Fields([
        .init("Authorization", "Bearer \(try text(place.tokenFile))"), .init("Accept", "application/json"),
        .init("User-Agent", "certd/\(Version.text)"),
      ]))
    return (request, options)
  }
}

/// Lines out of pieces as they come.
struct LineBuffer {
  let maximumBytes: Int
  private var rest: [UInt8] = []

  init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

  /// Whether a line is longer than it may be.
  var isTooLong: Bool { rest.count > maximumBytes }

  /// The lines that are whole by now; empty ones are left out.
  mutating func take(_ piece: [UInt8]) -> [[UInt8]] {
    var lines: [[UInt8]] = []
    var start = 0
    for (place, byte) in piece.enumerated() where byte == 0x0A {
      let line = rest + piece[start..<place]
      if !line.isEmpty { lines.append(line) }
      rest = []
      start = place + 1
    }
    rest += piece[start...]
    return lines
  }
}
