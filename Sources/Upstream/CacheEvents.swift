internal import Synchronization

/// What one engine tells of its prefix cache as it changes, joined with the prompts that it has been sent. Whoever listens to
/// the engine owns the joining; workers only say what they have sent, and never wait for it.
public final class CacheEvents: Sendable {
  /// Prompts that wait until they are joined, at most: who sends more is not heard.
  public static let maximumInbox = 256
  /// Blocks of one prompt that are followed: 1 MiB of its text.
  public static let maximumPromptBlocks = 4096

  private enum Note {
    case sent(CacheFollower.Prompt)
    case told(estimated: Int, told: Int)
  }

  /// What has been heard.
  public struct Counts: Sendable, Equatable {
    /// Events that have come.
    public var events = 0
    /// Times at which something was missed.
    public var gaps = 0
    /// Whether the engine is connected.
    public var isConnected = false
    /// Blocks that are followed.
    public var blocks = 0
    /// None.
    public init() {}
  }

  private let isOn = Atomic<Bool>(false)
  private let inbox = Mutex<[Note]>([])
  private let follower = Mutex(CacheFollower())
  private let counted = Mutex(Counts())

  init() {}

  /// Whether the engine is listened to, and has been heard.
  public var isFollowed: Bool { isOn.load(ordering: .relaxed) }

  /// What has been heard so far.
  public var counts: Counts { counted.withLock { $0 } }

  // MARK: Workers

  /// A prompt has been sent to it.
  @inline(never)
  public func sent(_ blocks: Span<UInt64>, tokens: Int) {
    var copy: [UInt64] = []
    let count = min(blocks.count, Self.maximumPromptBlocks)
    copy.reserveCapacity(count)
    for place in 0..<count { copy.append(blocks[place]) }
    post(.sent(CacheFollower.Prompt(blocks: copy, tokens: tokens)))
  }

  /// The engine has told how long a prompt was.
  @inline(never)
  public func told(estimated: Int, told: Int) { post(.told(estimated: estimated, told: told)) }

  private func post(_ note: Note) {
    _ = inbox.withLockIfAvailable { if $0.count < Self.maximumInbox { $0.append(note) } }
  }

  // MARK: Whoever listens

  /// The connection stands, or does not any more: then the estimate holds alone.
  public func connected(_ isConnected: Bool) {
    counted.withLock { $0.isConnected = isConnected }
    isOn.store(isConnected, ordering: .relaxed)
    if !isConnected { forget() }
  }

  /// Something was missed: what was known holds no more.
  public func missed() {
    counted.withLock { $0.gaps += 1 }
    forget()
  }

  /// Blocks have been stored.
  public func stored(_ blocks: [UInt64], parent: UInt64?, tokens: Int) {
    count { $0.store(blocks, parent: parent, tokens: tokens) }
  }

  /// Blocks have been removed.
  public func removed(_ blocks: [UInt64], _ index: PrefixIndex) {
    var gone: [UInt64] = []
    count { gone = $0.remove(blocks) }
    if !gone.isEmpty { index.takeBack(gone.span) }
  }

  /// All have.
  public func cleared(_ index: PrefixIndex) {
    count { $0.reset() }
    index.clear()
  }

  private func count(_ body: (inout CacheFollower) -> Void) {
    let notes = inbox.withLock { notes in
      defer { notes = [] }
      return notes
    }
    let blocks = follower.withLock { follower in
      for note in notes {
        switch note {
        case .sent(let prompt): follower.send(prompt)
        case .told(let estimated, let told): follower.learn(estimated: estimated, told: told)
        }
      }
      body(&follower)
      return follower.count
    }
    counted.withLock {
      $0.events += 1
      $0.blocks = blocks
    }
  }

  private func forget() {
    inbox.withLock { $0 = [] }
    follower.withLock { $0.reset() }
    counted.withLock { $0.blocks = 0 }
  }
}
