import CLinux

/// How this process starts others.
enum Spawning {
  /// Starts a program with the standard descriptors and those that the actions give it; every signal has its default meaning
  /// again, and descriptors the limit that this process was given.
  static func start(
    _ program: String, _ arguments: [String], _ environment: [String: String],
    _ actions: UnsafePointer<posix_spawn_file_actions_t>, hasOwnGroup: Bool
  ) throws(SystemError) -> pid_t {
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    let group = hasOwnGroup ? POSIX_SPAWN_SETPGROUP : 0
    let flags = group | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
    unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    unsafe sigfillset(&signals)
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)

    var child: pid_t = 0
    let entries = environment.map { "\($0.key)=\($0.value)" }.sorted()
    let code = unsafe withCStrings(arguments) { arguments in
      unsafe withCStrings(entries) {
        unsafe posix_spawn(&child, program, actions, &attributes, arguments, $0)
      }
    }
    guard code == 0 else { throw SystemError(call: "posix_spawn", code: code, subject: program) }
    DescriptorBudget.restore(in: child)
    return child
  }
}

/// Calls `body` with a null-terminated array of C strings. Text after a NUL is cut off by the callee.
private func withCStrings<R>(
  _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
) -> R {
  var pointers: [UnsafeMutablePointer<CChar>?] = unsafe texts.map { unsafe strdup($0) }
  unsafe pointers.append(nil)
  defer { unsafe pointers.forEach { pointer in unsafe free(pointer) } }
  return unsafe body(pointers)
}
