import Configuration
import HTTP
import HTTPClient
import OS
import TLS

// One look at a backend.
extension HealthChecks {
  static func probe(
    _ service: Service, _ check: HealthCheck, _ known: BackendRegistry.Known,
    _ context: ClientContext?, _ world: World
  ) async -> HealthFinding {
    guard var target = known.address else { return .failed("its name does not resolve") }
    if let port = check.port { target.port = port }
    let timeout = UInt64(clamping: check.timeout.wholeMilliseconds)
    let options = options(
      service, target, context, milliseconds: timeout, maximumBytes: maximumBodyBytes)
    func url(_ path: String) -> URL? { Self.url(path, service, known, port: target.port) }
    do throws(HTTPClientError) {
      switch check.probe {
      case .connect:
        try await world.client.connect(to: target, deadlineMilliseconds: timeout)
        return .ready
      case .handshake:
        guard let url = url("/") else { return .failed("no URL for its health check") }
        try await world.client.handshake(url, options)
        return .ready
      case .command(let words): return await run(words, service, known, target, milliseconds: timeout)
      case .grpc(let name):
        guard let url = url(GRPCHealth.path) else { return .failed("no URL for its health path") }
        let failure = GRPCHealth.judge(
          try await world.client.send(
            GRPCHealth.request(url, service: name, timeoutMilliseconds: timeout), options))
        return failure.map { .failed($0) } ?? .ready
      case .get(let path, let expect, let rule):
        guard let url = url(path) else { return .failed("no URL for its health path") }
        let request = Request(
          "GET", url, fields: service.ownFields(.init("Accept", "*/*")))
        return HealthVerdict(
          ranges: check.statuses.isEmpty ? [expect] : check.statuses, rule: rule, text: check.text,
          kind: service.kind
        ).judge(try await world.client.send(request, options))
      }
    } catch { return error.kind == .timeout ? .late(error.description) : .failed(error.description) }
  }

  private static func run(
    _ words: [String], _ service: Service, _ known: BackendRegistry.Known, _ target: SocketAddress,
    milliseconds: UInt64
  ) async -> HealthFinding {
    guard let program = words.first else { return .failed("no program") }
    let environment = [
      "PATH": "/usr/local/bin:/usr/bin:/bin", "CERTD_SERVICE": service.name, "CERTD_BACKEND": known.key,
      "CERTD_ADDRESS": "\(target)",
    ]
    do throws(SystemError) {
      let outcome = try await Subprocess.program(
        program, Array(words.dropFirst()), environment: environment, timeLimitInMilliseconds: milliseconds)
      return HealthVerdict.judge(outcome)
    } catch { return .failed(error.description) }
  }
}
