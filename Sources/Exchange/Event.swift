extension Machine {
  /// What the shell tells a machine: something has come about that decides how a request goes on.
  public enum Event: Equatable, Sendable, BitwiseCopyable {
    /// The request's head stands ready to be sent.
    case admitted
    /// A backend has been chosen, and an attempt has begun on it.
    case opened(Opening)
    /// A backend has been chosen, but no connection to it can even be begun.
    case unopened
    /// There is no backend that could be chosen.
    case nobody
    /// There are some, but each has as many requests as it may.
    case full
    /// The service has as much under way as it may.
    case overLimit(ServiceLimit)
    /// One that has room is kept for the request that waits.
    case room
    /// As many wait as may, or a more urgent one has got the place.
    case queueFull
    /// It has waited as long as it may.
    case waitedTooLong
    /// The attempt's connection stands.
    case connected
    /// No connection came about, in its time or at all.
    case connectFailed
    /// A 1xx head of so many bytes.
    case interim(bytes: UInt32)
    /// The response's head has come.
    case head(ResponseFacts)
    /// The backend has agreed to pass bytes both ways from here on.
    case switched(ResponseFacts)
    /// What the backend says is not HTTP as we understand it.
    case malformed
    /// The response has not begun when it should have: another backend may have it sooner.
    case slow
    /// The earlier of two attempts has an answer that can be passed on.
    case earlierAnswers
    /// The earlier of two attempts has come to nothing.
    case earlierFailed
    /// The response, or its next byte, did not come in time.
    case timedOut
    /// The backend's connection or stream has ended before its response was complete.
    case broken(Break)
    /// The backend cannot do what this request needs.
    case unsupported
    /// The response is complete. `isClean`: nothing stands behind it.
    case ended(isClean: Bool)
    /// The request cannot go on for a reason of the client's or of ours.
    case refused(OwnAnswer)
    /// The client has gone.
    case clientLeft
    /// Both sides of a tunnel have said all, and it has been passed on.
    case bothEnded
    /// One side of a tunnel has broken off.
    case tunnelBroken
    /// Nothing has passed through a tunnel for too long.
    case tunnelIdle

    /// How an attempt begins.
    public enum Opening: UInt8, Sendable, BitwiseCopyable, CaseIterable {
      /// A connection is being made.
      case connecting
      /// On a connection that has been kept: its backend may have closed it meanwhile.
      case kept
      /// As a stream of a connection of which nothing has come so far.
      case stream
    }

    /// How a connection ended.
    public struct Break: Equatable, Sendable, BitwiseCopyable {
      /// The backend cannot have worked on the request: it says so, or has not had any of it.
      public var isUntouched: Bool
      /// Not a byte of a response has come.
      public var isSilent: Bool
      /// Only this request's stream has ended: it says nothing of the connection.
      public var isStream: Bool
      /// An end.
      public init(isUntouched: Bool, isSilent: Bool, isStream: Bool = false) {
        self.isUntouched = isUntouched
        self.isSilent = isSilent
        self.isStream = isStream
      }
    }
  }
}

/// What a response's head says that matters to how the request goes on.
public struct ResponseFacts: Equatable, Sendable, BitwiseCopyable {
  /// The status code, 200 or more, or 101.
  public var status: UInt16
  /// The backend keeps the connection for the next request.
  public var keepsAlive: Bool
  /// A gRPC call that was answered by UNAVAILABLE alone: the backend has not begun with it.
  public var isUnavailable: Bool
  /// A head.
  public init(status: Int, keepsAlive: Bool = true, isUnavailable: Bool = false) {
    self.status = UInt16(clamping: status)
    self.keepsAlive = keepsAlive
    self.isUnavailable = isUnavailable
  }
}

/// What a machine asks only when something has failed.
public struct Facts: Sendable, BitwiseCopyable {
  /// When the service's requests are repeated.
  public var rule: RetryRule
  /// The method is idempotent (RFC 9110 §9.2.2).
  public var isIdempotent: Bool
  /// There is a backend that has not been tried, and the budget allows it.
  public var hasAnother: Bool
  /// The name of the backend has addresses that have not been tried.
  public var hasOtherAddress = false
  /// Another service is to have the request where this one has no answer.
  public var hasNextService = false
  /// Some facts.
  public init(rule: RetryRule = RetryRule(), isIdempotent: Bool = false, hasAnother: Bool = false) {
    self.rule = rule
    self.isIdempotent = isIdempotent
    self.hasAnother = hasAnother
  }
}
