internal import COpenSSL
internal import Glibc
internal import Synchronization

/// Refuses early data that may be a copy of what has come before (RFC 8446 §8.2, recording ClientHellos).
///
/// Tickets carry their own state, so that OpenSSL cannot know whether one has been used. It does check a ticket's age
/// (§8.3), which leaves a copy about ten seconds; for longer than that we remember who has been here. The keys of
/// tickets never leave the process, so that no other server can be given the copy.
final class EarlyDataGuard: Sendable {
  /// How long a ClientHello is remembered at least, in seconds: longer than OpenSSL lets a ticket's age differ.
  static let rememberedSeconds: Int64 = 30
  /// The most that are remembered within that time; early data beyond them is refused.
  static let maximumRemembered = 65_536

  private struct Memory {
    var recent: Set<SIMD4<UInt64>> = []
    var older: Set<SIMD4<UInt64>> = []
    var turnsAt: Int64
  }

  private let memory: Mutex<Memory>
  private let seconds: @Sendable () -> Int64

  /// `seconds` tells the time from any fixed point.
  init(seconds: @escaping @Sendable () -> Int64 = { EarlyDataGuard.monotonicSeconds() }) {
    self.seconds = seconds
    memory = Mutex(Memory(turnsAt: seconds() + Self.rememberedSeconds))
  }

  /// Whether a ClientHello, known by its random, is seen for the first time.
  func isFirst(_ random: SIMD4<UInt64>) -> Bool {
    let now = seconds()
    return memory.withLock { memory in
      if now >= memory.turnsAt {
        memory.older = now < memory.turnsAt + Self.rememberedSeconds ? memory.recent : []
        memory.recent = []
        memory.turnsAt = now + Self.rememberedSeconds
      }
      guard !memory.older.contains(random), memory.recent.count < Self.maximumRemembered else { return false }
      return memory.recent.insert(random).inserted
    }
  }

  private static func monotonicSeconds() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_BOOTTIME, &time)
    return Int64(time.tv_sec)
  }
}

/// How a context is made to take early data.
enum EarlyData {
  static func install(in context: OpaquePointer) {
    unsafe SSL_CTX_set_max_early_data(context, UInt32(ServerContext.maximumEarlyDataBytes))
    unsafe SSL_CTX_set_recv_max_early_data(context, UInt32(ServerContext.maximumEarlyDataBytes))
    unsafe SSL_CTX_set_options(context, certd_SSL_OP_NO_ANTI_REPLAY)
    unsafe SSL_CTX_set_allow_early_data_cb(
      context,
      { ssl, _ in
        guard let ssl = unsafe ssl, let data = unsafe ContextData.of(SSL_get_SSL_CTX(ssl)),
          unsafe !data.passesUnread(ssl),
          unsafe !EarlyData.isHTTP2(ssl)
        else {
          return 0
        }
        var random = SIMD4<UInt64>()
        let count = unsafe withUnsafeMutableBytes(of: &random) {
          unsafe SSL_get_client_random(ssl, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count)
        }
        return count == 32 && data.tickets.earlyData.isFirst(random) ? 1 : 0
      }, nil)
  }

  /// Early data is for HTTP/1.1; a client that has begun with HTTP/2 repeats its own after the handshake.
  private static func isHTTP2(_ ssl: OpaquePointer) -> Bool {
    guard let session = unsafe SSL_get_session(ssl) else { return true }
    var name: UnsafePointer<UInt8>?
    var length = 0
    unsafe SSL_SESSION_get0_alpn_selected(session, &name, &length)
    guard let name = unsafe name else { return false }
    return unsafe length == 2 && name[0] == 0x68 && name[1] == 0x32
  }
}

extension Session {
  /// What a read of early data gave.
  public enum EarlyRead: Sendable, Equatable {
    /// So many bytes, which may be a copy of somebody else's and are to be treated so (RFC 8470).
    case bytes(Int)
    /// No more comes before the handshake's end; `handshake` goes on with it.
    case over
    /// More input is needed.
    case wantRead
    /// Nothing can be done with this session any more.
    case failed
  }

  // What stands in a session's application data; nothing where early data is not taken.
  private static var awaiting: UnsafeMutableRawPointer? { unsafe .init(bitPattern: 1) }
  private static var past: UnsafeMutableRawPointer? { unsafe .init(bitPattern: 2) }

  func expectEarlyData() { unsafe SSL_set_ex_data(ssl, 0, Self.awaiting) }

  /// Whether early data may come: then `readEarly` takes the place of `handshake` until it says `over`.
  public var awaitsEarlyData: Bool { unsafe SSL_get_ex_data(ssl, 0) == Self.awaiting }

  /// Goes on with the handshake as far as early data needs, and decrypts at most `capacity` bytes of it.
  public func readEarly(into buffer: UnsafeMutableRawPointer, capacity: Int) -> EarlyRead {
    var count = 0
    switch unsafe SSL_read_early_data(ssl, buffer, capacity, &count) {
    case SSL_READ_EARLY_DATA_SUCCESS: return .bytes(count)
    case SSL_READ_EARLY_DATA_FINISH:
      unsafe SSL_set_ex_data(ssl, 0, Self.past)
      return .over
    default:
      let error = unsafe SSL_get_error(ssl, 0)
      return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? .wantRead : .failed
    }
  }

  /// Whether the handshake goes on while answers to early data are written already.
  @inline(__always)
  var writesEarly: Bool { unsafe SSL_is_init_finished(ssl) == 0 && SSL_get_ex_data(ssl, 0) != nil }

  /// Encrypts to a client whose handshake is not over (RFC 8446 §2.3): only the holder of its keys can read it.
  func writeEarly(_ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
    var written = 0
    return unsafe SSL_write_early_data(ssl, bytes, count, &written) == 1 && written == count
  }
}
