/// What a `Machine` has the shell do. Those from `answer` on are the last: they end the exchange.
public enum Action: Equatable, Sendable, BitwiseCopyable {
  /// Nothing at present.
  case nothing
  /// Choose a backend and begin an attempt on it.
  case choose
  /// No backend has room: wait until one has.
  case wait
  /// End the attempt and make another one of the same request.
  case again(Where)
  /// End the attempt and give the same request to the next service of its chain.
  case fallBack
  /// Make another attempt of the same request beside the one that is under way.
  case hedge
  /// End the attempt, and go on with the earlier one beside it.
  case goBack
  /// End the earlier one of two attempts.
  case endEarlier
  /// Send the request, or the rest of it.
  case send
  /// Join both connections into a tunnel without a word of ours.
  case join
  /// Pass a 1xx head on.
  case pass
  /// Pass the response on, from its head.
  case relay
  /// Pass the head on and join both connections into a tunnel.
  case tunnel

  /// Answer the request by ourselves.
  case answer(OwnAnswer)
  /// Close a connection that was to be passed on unread: there is nothing that could be said on it.
  case turnAway(OwnAnswer)
  /// All is said. Whether each side's connection is kept for another request.
  case finish(keepsBackend: Bool, keepsClient: Bool)
  /// The response cannot be completed: the client must be able to tell.
  case breakOff
  /// Nobody waits for an answer: the backend's work ends at once.
  case abandon
  /// Both sides of a tunnel have ended.
  case close
  /// One side of a tunnel has broken off: the other must be able to tell that from an end.
  case severed
  /// Close a tunnel of our own accord.
  case expire

  /// Where a request is sent once more.
  public enum Where: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// To another backend.
    case elsewhere
    /// To the same one, which has refused it untouched.
    case same
    /// To the same one: the kept connection had been closed meanwhile, which is nobody's fault.
    case fresh
  }

  /// Whether what has led to it is a fault of the attempt's backend, if it is one at all: a kept connection that had been
  /// closed meanwhile is nobody's.
  public var tellsOfFault: Bool {
    switch self {
    case .nothing, .wait, .again(.fresh), .endEarlier: false
    default: true
    }
  }

  /// Whether it is the last.
  public var isLast: Bool {
    switch self {
    case .nothing, .choose, .wait, .again, .fallBack, .hedge, .goBack, .endEarlier, .send, .join, .pass,
      .relay,
      .tunnel:
      false
    case .answer, .turnAway, .finish, .breakOff, .abandon, .close, .severed, .expire: true
    }
  }
}
