public import Exchange
public import Upstream

extension Settings {
  /// Another place that clients are sent to. Fields have the names of the keys under `routes[].redirect`; what is nil stays as
  /// the request has it.
  public struct Redirect: Sendable, Equatable {
    /// How the other place is spoken to.
    public enum Scheme: String, Sendable, CaseIterable {
      case http, https
    }

    /// Its scheme.
    public var scheme: Scheme?
    /// Its host.
    public var host: String?
    /// Its port.
    public var port: Int?
    /// Its whole path, which may have the variables of the route's.
    public var path: String?
    /// What the path begins with in place of what the route's does.
    public var prefix: String?
    /// The status; 301 to 303, 307 or 308.
    public var status = 308
    /// Whether the query is left out.
    public var stripQuery = false
    /// To the same place.
    public init() {}
  }

  /// An answer that no backend is asked for. Fields have the names of the keys under `routes[].respond`.
  public struct DirectAnswer: Sendable, Equatable {
    /// The status.
    public var status = 200
    /// What it says.
    public var page = Page()
    /// After how long it is worth asking again; nil for nothing said.
    public var retryAfter: Milliseconds?
    /// An empty 200.
    public init() {}

    /// The most bytes of content of an answer or an error page: it is sent at once, from memory.
    public static let maximumBytes = 32 * 1024
  }

  /// Content of ours.
  public struct Page: Sendable, Equatable {
    /// The bytes.
    public var body: [UInt8] = []
    /// What they are.
    public var contentType = "text/plain; charset=utf-8"
    /// Nothing.
    public init() {}
  }

  /// How much of a route clients may use. Fields have the names of the keys under `routes[].limits`.
  public struct RouteLimits: Sendable, Equatable {
    /// The most content of a request, in bytes; nil for no limit.
    public var body: Int?
    /// How many requests of one client may come in a second; nil for no limit.
    public var requestsPerSecond: Int?
    /// How many may come at once after a pause; nil for those of a second.
    public var burst: Int?
    /// The field that tells clients apart; nil to go by their addresses.
    public var header: String?
    /// No limits.
    public init() {}
  }

  /// What a route says of time limits and retries in place of its service. What is nil is the service's.
  public struct ServiceOverrides: Sendable, Equatable {
    /// For a connection.
    public var connect: Milliseconds?
    /// To the response's head.
    public var responseHead: Milliseconds?
    /// To the first byte of content.
    public var firstByte: Milliseconds?
    /// Between bytes.
    public var idle: Milliseconds?
    /// Further attempts.
    public var attempts: Int?
    /// After what; whether all requests are repeated stays the service's to say.
    public var rule: RetryRule?
    /// Nothing.
    public init() {}

    var isEmpty: Bool { self == Self() }
  }
}
