/// Why the DNS did not tell, or did not do, what was wanted.
public struct DNSError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Of which kind it is.
  public enum Kind: Sendable, Equatable {
    /// The server answered with an error.
    case refused(ResponseCode)
    /// No answer came that could be used.
    case unanswered
    /// What was asked for cannot be.
    case unusable
  }

  /// Of which kind it is.
  public let kind: Kind
  /// Who was asked for what, and what happened.
  public let description: String

  /// An error.
  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
