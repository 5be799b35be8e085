import CLinux

/// Signals as values on a thread of their own.
public enum Signals {
  /// Asks to end in good order.
  public static let terminate = SIGTERM
  /// Ctrl-C.
  public static let interrupt = SIGINT
  /// Asks to read the configuration again.
  public static let hangup = SIGHUP
  /// Asks to open log files again.
  public static let reopen = SIGUSR1

  /// Asks to let the program that stands at its path by now take over.
  public static let upgrade = SIGUSR2

  /// Blocks the given signals in this thread and all threads it starts later, and ignores SIGPIPE and SIGXFSZ.
  /// To be called first thing in the main thread.
  public static func block(_ signals: [Int32]) {
    certd_ignore_signal(SIGPIPE)
    // A file that may not grow is an error of the write, like a full disk.
    certd_ignore_signal(SIGXFSZ)
    var set = Self.set(signals)
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// A thread that hands every arriving signal to `body`, until it answers false.
  public static func watch(
    _ signals: [Int32], _ body: @escaping @Sendable (Int32) -> Bool
  ) throws(SystemError) -> Thread {
    try Thread.start("signals") {
      var set = Self.set(signals)
      while true {
        var number: Int32 = 0
        guard unsafe sigwait(&set, &number) == 0 else { continue }
        if !body(number) { return }
      }
    }
  }

  private static func set(_ signals: [Int32]) -> sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in signals { unsafe sigaddset(&set, number) }
    return set
  }
}
