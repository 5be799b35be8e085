import Configuration
import HTTP
import HTTPClient
import JSON
import OS

/// The running containers that have a label: listed again whenever the engine tells of an event.
struct DockerWatch {
  let containers: DockerContainers
  let world: World

  /// The largest list that is read, in bytes.
  static let maximumBytes = 8 << 20
  /// How long a list may take, in milliseconds.
  static let listMilliseconds: UInt64 = 10_000
  /// How long one stream of events is listened to, in milliseconds, before it is begun anew.
  static let eventMilliseconds: UInt64 = 600_000

  private struct Failure: Error { let reason: String }

  func watch(_ tell: @escaping @Sendable (DiscoveryOutcome) -> Void) async {
    var pause = DiscoveryPause()
    while !Task.isCancelled {
      do {
        // Listening begins before the list is made: what changes in between is heard of.
        let (pieces, feed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let listening = try listen {
          feed.yield()
        } ended: {
          feed.finish()
        }
        defer { listening.cancel() }
        tell(.found(try await list()))
        pause.reset()
        for await _ in pieces { tell(.found(try await list())) }
        _ = try await listening.value.get()
        // An engine that ends its events at once is not asked again and again.
        guard (try? await World.sleep(seconds: DiscoveryPause.first)) != nil else { return }
        continue
      } catch let failure as Failure { tell(.failed(failure.reason)) } catch let error as HTTPClientError
        where error.kind == .timeout
      {
        continue
      } catch { tell(.failed("\(error)")) }
      guard (try? await World.sleep(seconds: pause.take(chance: World.random()))) != nil else { return }
    }
  }

  private func list() async throws -> FoundBackends {
    let options = try options(Self.listMilliseconds)
    let response = try await world.client.send(
      request("/containers/json", filters: ["label": [containers.label], "status": ["running"]]), options)
    guard response.status == 200 else {
      throw Failure(reason: "the Docker Engine answers \(response.status)")
    }
    guard let value = try? JSONValue(parsing: response.body), case .array(let all) = value else {
      throw Failure(reason: "the Docker Engine's answer is no list of containers")
    }
    return FoundBackends(all.compactMap { Self.endpoint($0, port: containers.port) }, zone: nil)
  }

  /// Where a container is reached: at its first network's address and the port that is named, or the only one it exposes.
  static func endpoint(
    _ container: JSONValue, port: UInt16?
  ) -> (host: String, port: UInt16, zone: String?)? {
    let networks = container["NetworkSettings"]?["Networks"]?.members ?? [:]
    let addresses = networks.sorted { $0.key < $1.key }.compactMap { $0.value["IPAddress"]?.string }
    let exposed = Set(
      (container["Ports"]?.elements ?? []).filter { $0["Type"]?.string == "tcp" }
        .compactMap { $0["PrivatePort"]?.int })
    let only = exposed.count == 1 ? exposed.first.flatMap { UInt16(exactly: $0) } : nil
    guard let host = addresses.first(where: { !$0.isEmpty }), let port = port ?? only else { return nil }
    return (host, port, nil)
  }

  private func listen(
    _ heard: @escaping @Sendable () -> Void, ended: @escaping @Sendable () -> Void
  ) throws -> Task<Result<Response, HTTPClientError>, Never> {
    var options = try options(Self.eventMilliseconds)
    options.content = { _ in heard() }
    let request = try request("/events", filters: ["type": ["container"], "label": [containers.label]])
    let (client, how) = (world.client, options)
    return Task {
      defer { ended() }
      do throws(HTTPClientError) {
        let response = try await client.send(request, how)
        return .success(response)
      } catch { return .failure(error) }
    }
  }

  private func options(_ milliseconds: UInt64) throws -> HTTPClient.Options {
    guard let address = SocketAddress(unixPath: containers.socket) else {
      throw Failure(reason: "\(containers.socket) is no path of a socket")
    }
    return HTTPClient.Options(
      address: address, deadlineMilliseconds: milliseconds, maximumBodyBytes: Self.maximumBytes,
      keepsAlive: false)
  }

  private func request(_ path: String, filters: [String: [String]]) throws -> Request {
    let text = JSONValue.object(filters.mapValues { .array($0.map { .string($0) }) }).text
    let escaped = text.utf8.map { byte in
      Self.plain.contains(byte)
        ? String(UnicodeScalar(byte))
        : "%" + String(UInt16(byte) + 0x100, radix: 16, uppercase: true).dropFirst()
    }
    guard let url = URL("http://docker\(path)?filters=\(escaped.joined())") else {
      throw Failure(reason: "\(containers.label) is no label")
    }
    return Request("GET", url, fields: Fields([.init("User-Agent", "certd/\(Version.text)")]))
  }

  private static let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~".utf8)
}
