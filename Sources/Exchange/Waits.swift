/// What one side of an exchange is being waited for: each has a time limit of its own.
public enum Wait: UInt8, Sendable, BitwiseCopyable, CaseIterable {
  /// Nothing; no limit.
  case none
  /// The client takes what waits for it.
  case clientReads
  /// The client sends more of its request.
  case requestContent
  /// A backend has room.
  case room
  /// A connection to a backend comes about.
  case connect
  /// A backend takes more of the request.
  case upload
  /// A backend's response begins.
  case responseHead
  /// The head that is held back gets its first content.
  case held
  /// The first byte of a response's content comes.
  case firstByte
  /// The next byte of it does.
  case nextByte
  /// Something passes through a tunnel.
  case tunnel
  /// A connection gets its next request.
  case nextRequest
  /// A request's head comes whole.
  case requestHead
  /// A handshake comes to its end.
  case handshake
  /// An HTTP/2 connection ends that has been told to.
  case goodbye
  /// What a client still sends that has had its answer comes to an end.
  case linger
  /// The next event of a stream comes, or a comment of ours in its place.
  case heartbeat
}

extension Machine {
  /// What the client is waited for. `hasParked`: it has not taken all that it was sent. `isHeldUp`: it is the backend that
  /// takes no more of the request.
  public func clientWait(hasParked: Bool, isHeldUp: Bool) -> Wait {
    if hasParked { return .clientReads }
    switch phase {
    case .head, .attempting, .relaying: return requestComplete || isHeldUp ? .none : .requestContent
    // Content that finds no place is not what is waited for.
    case .waiting: return .room
    case .tunnel, .over: return .none
    }
  }

  /// What the backend is waited for. `isHeldUp`: it takes no more of the request. `clientHasParked`: the client takes
  /// nothing, so that nothing is read.
  public func backendWait(isHeldUp: Bool, clientHasParked: Bool) -> Wait {
    switch phase {
    case .head, .waiting, .over: return .none
    case .attempting:
      guard attempt.isConnected else { return .connect }
      if attempt.isHeld { return .held }
      // The time for the response's head begins when the client has sent all.
      return requestSent ? .responseHead : isHeldUp ? .upload : .none
    case .relaying:
      if clientHasParked { return .none }
      return attempt.hasContent ? .nextByte : .firstByte
    case .tunnel: return .tunnel
    }
  }
}
