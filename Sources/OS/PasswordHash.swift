#if canImport(Glibc)
  import Glibc
#endif

/// Hashes of passwords as crypt(3) knows them, by libcrypt, which is looked for only where one is to be verified.
public enum PasswordHash {
  /// What hashes begin with that are verified: bcrypt, yescrypt, SHA-256 and SHA-512.
  public static let prefixes = ["$2a$", "$2b$", "$2y$", "$y$", "$5$", "$6$"]
  /// The library that knows them.
  public static let library = "libcrypt.so.1"
  /// The longest password, in bytes: bcrypt reads no more.
  public static let maximumPasswordBytes = 72

  private typealias Function =
    @convention(c) (
      UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafeMutableRawPointer?
    ) -> UnsafeMutablePointer<CChar>?

  /// Bytes of libcrypt's `struct crypt_data`, which is 32 KiB.
  private static let workBytes = 64 * 1024

  private static let function: Function? = {
    guard let handle = unsafe dlopen(library, RTLD_NOW) else { return nil }
    guard let symbol = unsafe dlsym(handle, "crypt_r") else { return nil }
    return unsafe unsafeBitCast(symbol, to: Function.self)
  }()

  /// Whether there is something to verify them with.
  public static var isAvailable: Bool { unsafe function != nil }

  /// Whether a password is the one of a hash. Takes as long as the hash wants it to: tens of milliseconds.
  public static func verify(_ password: String, _ hash: String) -> Bool {
    guard let function = unsafe function, password.utf8.count <= maximumPasswordBytes,
      !password.utf8.contains(0)
    else {
      return false
    }
    let work = UnsafeMutableRawPointer.allocate(byteCount: workBytes, alignment: 16)
    unsafe work.initializeMemory(as: UInt8.self, repeating: 0, count: workBytes)
    defer {
      unsafe work.initializeMemory(as: UInt8.self, repeating: 0, count: workBytes)
      unsafe work.deallocate()
    }
    let made = unsafe password.withCString { password in
      unsafe hash.withCString { hash -> [UInt8] in
        guard let text = unsafe function(password, hash, work) else { return [] }
        return unsafe (0..<strlen(text)).map { unsafe UInt8(bitPattern: text[$0]) }
      }
    }
    let wanted = Array(hash.utf8)
    guard made.count == wanted.count else { return false }
    var difference: UInt8 = 0
    for place in wanted.indices { difference |= made[place] ^ wanted[place] }
    return difference == 0
  }
}
