public import ACME
public import CertStore
import PKI

/// Answers HTTP-01 and TLS-ALPN-01 by the store's challenge board: whoever listens reads it there.
public struct BoardResponder: ChallengeResponder {
  private let board: ChallengeBoard
  /// The types it answers, the preferred one first.
  public let challengeTypes: [ChallengeType]

  /// A responder over a board; `types` other than HTTP-01 and TLS-ALPN-01 are left out.
  public init(_ board: ChallengeBoard, types: [ChallengeType] = [.http01]) {
    self.board = board
    challengeTypes = types.filter { $0 != .dns01 }
  }

  /// Readable by the listener when this returns.
  public func publish(_ answer: ChallengeAnswer) async throws {
    switch answer.type {
    case .tlsALPN01:
      try board.publishValidation(answer.identifier, keyAuthorization: answer.keyAuthorization)
    case .http01, .dns01: try board.publish(token: answer.token, keyAuthorization: answer.keyAuthorization)
    }
  }

  /// What cannot be withdrawn is purged later.
  public func withdraw(_ answer: ChallengeAnswer) async {
    switch answer.type {
    case .tlsALPN01:
      try? board.withdrawValidation(answer.identifier, keyAuthorization: answer.keyAuthorization)
    case .http01, .dns01: try? board.withdraw(token: answer.token)
    }
  }
}
