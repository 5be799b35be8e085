internal import COpenSSL
import Synchronization

/// The keys that protect session tickets (RFC 5077 §4), shared by all workers so that a session begun
/// with one is resumed by any other, also over a reload.
///
/// New tickets are made with the newest key; `kept` older ones are still understood.
public final class TicketKeys: Sendable {
  /// How long a key makes tickets, in seconds. A ticket is honoured for between one and `kept` of these.
  public static let rotationSeconds: Int64 = 12 * 3600
  /// Older keys that are still understood.
  public static let kept = 2

  struct Key: Sendable {
    let name: [UInt8]
    let cipher: [UInt8]
    let mac: [UInt8]
  }

  private let keys: Mutex<[Key]>
  /// What has come in early data, with whichever worker.
  let earlyData = EarlyDataGuard()

  /// One fresh key. `random` gives so many unpredictable bytes.
  public init(random: (Int) -> [UInt8]) { keys = Mutex([Self.make(random)]) }

  /// Begins to use a fresh key and forgets the oldest.
  public func rotate(random: (Int) -> [UInt8]) {
    let fresh = Self.make(random)
    keys.withLock { $0 = [fresh] + $0.prefix(Self.kept) }
  }

  /// All keys, for a process that takes this one's place: name, cipher and code, 80 bytes each, the newest first. Secret.
  public var bytes: [UInt8] { keys.withLock { all in all.flatMap { $0.name + $0.cipher + $0.mac } } }

  /// Goes on with the keys of another process; false where these are none.
  public func adopt(_ bytes: [UInt8]) -> Bool {
    let size = 80
    guard !bytes.isEmpty, bytes.count.isMultiple(of: size), bytes.count / size <= Self.kept + 1 else {
      return false
    }
    let all = stride(from: 0, to: bytes.count, by: size).map { at in
      Key(
        name: Array(bytes[at..<at + 16]), cipher: Array(bytes[at + 16..<at + 48]),
        mac: Array(bytes[at + 48..<at + size]))
    }
    keys.withLock { $0 = all }
    return true
  }

  var newest: Key? { keys.withLock { $0.first } }

  /// The key of a ticket and whether the ticket ought to be replaced by one of a newer key.
  func find(_ name: UnsafePointer<UInt8>) -> (key: Key, isOld: Bool)? {
    keys.withLock { all in
      for (age, key) in all.enumerated()
      where unsafe key.name.elementsEqual(UnsafeBufferPointer(start: name, count: 16)) {
        return (key, age > 0)
      }
      return nil
    }
  }

  private static func make(_ random: (Int) -> [UInt8]) -> Key {
    Key(name: random(16), cipher: random(32), mac: random(32))
  }
}

/// The callback by which OpenSSL seals and opens tickets: AES-256-CBC and HMAC-SHA-256.
enum TicketCallback {
  nonisolated(unsafe) private static let cipher = unsafe EVP_CIPHER_fetch(nil, "AES-256-CBC", nil)

  static func install(_ context: OpaquePointer) {
    unsafe SSL_CTX_set_tlsext_ticket_key_evp_cb(context) { ssl, name, iv, cipher, mac, encrypt in
      guard let ssl = unsafe ssl, let name = unsafe name, let iv = unsafe iv, let cipher = unsafe cipher,
        let mac = unsafe mac,
        let keys = unsafe ContextData.of(SSL_get_SSL_CTX(ssl))?.tickets
      else { return -1 }
      return unsafe encrypt == 1
        ? TicketCallback.seal(keys, name, iv, cipher, mac)
        : TicketCallback.open(keys, name, iv, cipher, mac, isSingleUse: SSL_version(ssl) == TLS1_3_VERSION)
    }
  }

  private static func seal(
    _ keys: TicketKeys, _ name: UnsafeMutablePointer<UInt8>, _ iv: UnsafeMutablePointer<UInt8>,
    _ context: OpaquePointer, _ mac: OpaquePointer
  ) -> Int32 {
    guard let key = keys.newest, key.name.count == 16, unsafe RAND_bytes(iv, 16) == 1,
      unsafe EVP_EncryptInit_ex2(context, cipher, key.cipher, iv, nil) == 1, unsafe setKey(mac, key.mac)
    else { return -1 }
    for (i, byte) in key.name.enumerated() { unsafe name[i] = byte }
    return 1
  }

  private static func open(
    _ keys: TicketKeys, _ name: UnsafeMutablePointer<UInt8>, _ iv: UnsafeMutablePointer<UInt8>,
    _ context: OpaquePointer, _ mac: OpaquePointer, isSingleUse: Bool
  ) -> Int32 {
    guard let (key, isOld) = unsafe keys.find(name) else { return 0 }
    guard unsafe EVP_DecryptInit_ex2(context, cipher, key.cipher, iv, nil) == 1, unsafe setKey(mac, key.mac)
    else {
      return -1
    }
    // A TLS 1.3 client uses a ticket once (RFC 8446 §C.4): each resumption brings the next one.
    return isOld || isSingleUse ? 2 : 1
  }

  private static func setKey(_ mac: OpaquePointer, _ key: [UInt8]) -> Bool {
    var key = key
    let count = key.count
    return unsafe key.withUnsafeMutableBytes { bytes in
      var parameters = unsafe (
        OSSL_PARAM_construct_octet_string(constant("key"), bytes.baseAddress, count),
        OSSL_PARAM_construct_utf8_string(
          constant("digest"), UnsafeMutablePointer(mutating: constant("SHA256")), 0),
        OSSL_PARAM_construct_end()
      )
      return unsafe withUnsafePointer(to: &parameters) {
        unsafe $0.withMemoryRebound(to: OSSL_PARAM.self, capacity: 3) {
          unsafe EVP_MAC_CTX_set_params(mac, $0) == 1
        }
      }
    }
  }

  /// A C string that lives for ever: a parameter keeps the pointer, which for a `String` would soon dangle.
  private static func constant(_ text: StaticString) -> UnsafePointer<CChar> {
    unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
  }
}
