/// curl, as a user of the service runs it.
public struct Curl: Sendable {
  private let place: Place
  private let fixed: [String]
  private let base: String

  /// For one host, reached at a port of this machine, verified by one root.
  public init(_ place: Place, host: String, port: UInt16, root: String) {
    self.place = place
    base = "https://\(host):\(port)"
    fixed = [
      "curl", "-sS", "-N", "--noproxy", "*", "--max-time", "120", "--cacert", root, "--resolve",
      "\(host):\(port):127.0.0.1",
    ]
  }

  /// Fetches a path; further arguments are curl's.
  public func callAsFunction(_ path: String, _ arguments: [String] = []) async throws -> Place.Finished {
    try await place.run(fixed + [base + path] + arguments, called: "curl")
  }

  /// The same, without waiting for its end.
  public func start(_ path: String, _ arguments: [String] = []) async throws -> Child {
    try await place.start(fixed + [base + path] + arguments, called: "curl")
  }

  /// Starts a streamed completion of so many tokens, so many seconds apart.
  public func stream(
    tokens: Int, delay: Double, prompt: String = "hello", _ arguments: [String] = []
  ) async throws -> Child {
    let body =
      #"{"model":"demo","stream":true,"max_tokens":\#(tokens),"delay":\#(delay),"#
      + #""messages":[{"role":"user","content":"\#(prompt)"}]}"#
    return try await place.start(
      fixed + [base + "/v1/chat/completions", "-d", body, "-H", "Content-Type: application/json"]
        + arguments,
      called: "curl-stream")
  }
}

extension String {
  /// How many events of a stream have arrived.
  public var events: Int { split(separator: "\n").count { $0.hasPrefix("data: ") } }
  /// Whether the stream has arrived to its end.
  public var isWholeStream: Bool { contains("data: [DONE]") }
}
