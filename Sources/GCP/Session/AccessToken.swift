public import Bytes

/// A bearer token. Its description does not tell it.
public struct AccessToken: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
  let value: String
  /// When Google stops accepting it.
  public let expires: UnixTime

  /// A token.
  public init(_ value: String, expires: UnixTime) {
    self.value = value
    self.expires = expires
  }

  /// Only when it ends.
  public var description: String { "token until \(expires)" }
  /// The same.
  public var debugDescription: String { description }
}

/// Where tokens come from.
public protocol TokenSource: Sendable {
  /// Whose tokens they are, for messages; never a secret.
  var description: String { get }
  /// The project that calls are counted against, when the credentials name one: some APIs want it of people.
  var quotaProject: String? { get }
  /// Obtains a new token. MUST NOT cache it: `TokenCache` does.
  func obtain() async throws(GCPError) -> AccessToken
}

extension TokenSource {
  /// The one that the credentials belong to.
  public var quotaProject: String? { nil }
}

/// The current token of one source: obtained when first needed, renewed shortly before it ends, one at a
/// time.
public actor TokenCache {
  private let source: any TokenSource
  private let now: @Sendable () -> UnixTime
  private var current: AccessToken?
  private var renewal: Task<Result<AccessToken, GCPError>, Never>?
  /// Why the last one could not be had although it was tried for long, and when.
  private var failure: (error: GCPError, at: UnixTime)?

  /// How long nobody is asked again after nobody could be reached, in seconds: what waits for a token fails at once.
  public static let failureSeconds: Int64 = 10

  /// How long before its end a token is renewed, in seconds: 3 m 45 s, as Google's own clients do.
  public static let renewalMarginSeconds: Int64 = 225

  /// A cache in front of a source.
  public init(_ source: any TokenSource, now: @escaping @Sendable () -> UnixTime) {
    self.source = source
    self.now = now
  }

  /// Whose tokens they are, for messages.
  public nonisolated var sourceDescription: String { source.description }

  /// The project that calls are counted against, if it must be told.
  public nonisolated var quotaProject: String? { source.quotaProject }

  /// A token that lives for a while. `refused` is one that Google has just refused: never answered again.
  public func token(refused: AccessToken? = nil) async throws(GCPError) -> AccessToken {
    if let refused, current == refused { current = nil }
    if let current, now() + Self.renewalMarginSeconds < current.expires { return current }
    if let failure, now() < failure.at + Self.failureSeconds { throw failure.error }
    let running: Task<Result<AccessToken, GCPError>, Never>
    if let renewal {
      running = renewal
    } else {
      let source = source
      running = Task {
        do throws(GCPError) { return .success(try await source.obtain()) } catch { return .failure(error) }
      }
      renewal = running
    }
    let result = await running.value
    if renewal == running { renewal = nil }
    failure = nil
    if case .failure(let error) = result, GCPError.isUnreachable(error.cause) { failure = (error, now()) }
    let token = try result.get()
    current = token
    return token
  }
}
