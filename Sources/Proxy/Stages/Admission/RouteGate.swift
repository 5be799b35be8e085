public import HTTP

/// Somebody outside of the proxy who says whether requests of a route may go on. Whoever cannot be asked lets nobody in.
public final class RouteGate: Sendable {
  /// A request, as far as its head says.
  public struct Question: Sendable {
    /// The method.
    public var method: String
    /// Whether it came by TLS.
    public var isSecure: Bool
    /// Host, and port where one is written.
    public var host: String
    /// Path and query.
    public var target: String
    /// The client's address.
    public var client: String
    /// Its fields.
    public var fields: Fields
  }

  /// Whether it may go on.
  public enum Verdict: Sendable {
    /// It may; the backend gets these fields besides.
    case pass([Fields.Field])
    /// It may not, and is answered so; of the content no more than ``Settings/DirectAnswer/maximumBytes``.
    case refuse(Int, [Fields.Field], [UInt8])
  }

  /// Names of fields that clients cannot send: only the gate sets them, or nobody gets them.
  let owned: [String]
  private let known: @Sendable (Question) -> Verdict?
  private let decide: @Sendable (Question, @escaping @Sendable (Verdict) -> Void) -> Void

  /// A gate. `known` tells at once what need not be asked; `decide` calls back once, on any thread.
  public init(
    owned: [String], known: @escaping @Sendable (Question) -> Verdict?,
    decide: @escaping @Sendable (Question, @escaping @Sendable (Verdict) -> Void) -> Void
  ) {
    self.owned = owned
    self.known = known
    self.decide = decide
  }

  func verdict(on question: Question) -> Verdict? { known(question) }

  func ask(_ question: Question, _ answer: @escaping @Sendable (Verdict) -> Void) { decide(question, answer) }
}
