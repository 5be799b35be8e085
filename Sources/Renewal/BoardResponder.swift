public import ACME
public import CertStore

/// Answers HTTP-01 by the store's challenge board: whoever listens on port 80 reads it there.
public struct BoardResponder: ChallengeResponder {
  private let board: ChallengeBoard

  /// A responder over a board.
  public init(_ board: ChallengeBoard) { self.board = board }

  /// HTTP-01 only.
  public var challengeTypes: [ChallengeType] { [.http01] }

  /// Readable by the listener when this returns.
  public func publish(_ answer: ChallengeAnswer) async throws {
    try board.publish(token: answer.token, keyAuthorization: answer.keyAuthorization)
  }

  /// What cannot be withdrawn is purged later.
  public func withdraw(_ answer: ChallengeAnswer) async { try? board.withdraw(token: answer.token) }
}
