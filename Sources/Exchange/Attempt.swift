/// What one try knows: everything of it is forgotten with the next one.
public struct Attempt: Sendable, BitwiseCopyable {
  /// How it began.
  public internal(set) var opening = Machine.Event.Opening.connecting
  /// Its connection stands.
  public internal(set) var isConnected = false
  /// 1xx heads that have come: the backend has begun to work on the request.
  public internal(set) var interimHeads: UInt16 = 0
  /// Their bytes.
  public internal(set) var interimBytes = 0
  /// The response's head has been accepted.
  public internal(set) var hasHead = false
  /// The head has come and is held back until content does.
  public internal(set) var isHeld = false
  /// A head is held back no longer.
  public internal(set) var isReleased = false
  /// A byte of content has come.
  public internal(set) var hasContent = false
  /// The backend keeps its connection for the next request.
  public internal(set) var keepsAlive = false

  /// One that has not begun.
  public init() {}

  /// 1xx heads that one response may begin with, and their bytes together: an HTTP/2 backend's heads are not held up by
  /// a window, and all of them may have to wait for a client that does not read.
  public static let maximumInterimHeads: UInt16 = 100
  /// See `maximumInterimHeads`.
  public static let maximumInterimBytes = 64 * 1024

  mutating func count(interim bytes: Int) -> Bool {
    interimHeads += 1
    interimBytes += bytes
    return interimHeads <= Self.maximumInterimHeads && interimBytes <= Self.maximumInterimBytes
  }
}
