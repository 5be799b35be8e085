import CLinux
import OS
import Synchronization

/// A program started by a test, killed with its process group when this value goes, and by the kernel should
/// the test runner die first. Its output goes to two files.
public final class Child: Sendable {
  /// How it ended.
  public enum Ending: Sendable, Equatable {
    case exited(Int32)
    case signalled(Int32)
  }

  private enum State {
    case starting
    case failed(SystemError)
    case running(pid_t)
    case ended(Ending)
  }

  private let state = Mutex(State.starting)
  private let outputPath: String
  private let errorPath: String

  /// Starts a program, found along the path, with the given variables on top of the runner's environment.
  /// Its output is kept below `directory`.
  public init(
    _ arguments: [String], in directory: String, environment: [String: String] = [:], called name: String
  ) async throws {
    let id = Self.count.add(1, ordering: .relaxed).newValue
    outputPath = "\(directory)/\(id)-\(name).out"
    errorPath = "\(directory)/\(id)-\(name).err"
    var variables = Subprocess.inheritedEnvironment()
    for (key, value) in environment { variables[key] = value }
    let entries = variables.map { "\($0.key)=\($0.value)" }
    // The kernel kills a child when the thread that started it ends, so that thread waits for it.
    let (output, error) = (outputPath, errorPath)
    _ = try Thread.start("child") { [weak self] in
      let started = Result { () throws(SystemError) in
        try Self.spawn(
          ["env", "-C", directory, "setpriv", "--pdeathsig", "KILL"] + arguments, entries, output, error)
      }
      guard case .success(let pid) = started else {
        if case .failure(let error) = started { self?.state.withLock { $0 = .failed(error) } }
        return
      }
      self?.state.withLock { $0 = .running(pid) }
      var status: Int32 = 0
      var nothing = siginfo_t()
      while waitid(P_PID, id_t(pid), &nothing, WEXITED | WNOWAIT) < 0, certd_errno() == EINTR {}
      guard let self else {
        waitpid(pid, &status, 0)
        return
      }
      // Reaped under the lock: nobody signals a number that belongs to another process by now.
      self.state.withLock {
        waitpid(pid, &status, 0)
        let signal = status & 0x7F
        $0 = .ended(signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal))
      }
    }
    try await eventually("\(name) is started") {
      self.state.withLock { if case .starting = $0 { false } else { true } }
    }
    if case .failed(let error) = state.withLock({ $0 }) { throw error }
  }

  private static let count = Atomic(0)

  deinit { signal(SIGKILL, toGroup: true) }

  /// Sends a signal, unless it has ended.
  public func signal(_ number: Int32, toGroup: Bool = false) {
    state.withLock { if case .running(let pid) = $0 { kill(toGroup ? -pid : pid, number) } }
  }

  /// Its number; nil when it does not run.
  public var processID: Int32? { if case .running(let pid) = state.withLock({ $0 }) { pid } else { nil } }

  /// The memory that it holds beside what is mapped from files, in bytes; nil when it does not run.
  public var memoryInBytes: Int? { memory("RssAnon:") }
  /// The most memory that it has held at a time, in bytes; nil when it does not run.
  public var peakMemoryInBytes: Int? { memory("VmHWM:") }

  private func memory(_ name: String) -> Int? {
    guard case .running(let pid) = state.withLock({ $0 }) else { return nil }
    let line = read("/proc/\(pid)/status").split(separator: "\n").first { $0.hasPrefix(name) }
    return line.flatMap { Int($0.filter(\.isNumber)) }.map { $0 * 1024 }
  }

  /// How it ended; nil while it runs.
  public var ending: Ending? { state.withLock { if case .ended(let ending) = $0 { ending } else { nil } } }

  /// Waits for its end.
  public func end(within seconds: Int = 60) async throws -> Ending {
    try await eventually("the end of \(outputPath)", within: seconds) { self.ending != nil }
    return ending ?? .signalled(0)
  }

  /// What it wrote to standard output so far.
  public var output: String { output(from: 0) }
  /// What it wrote to standard error so far.
  public var errors: String { errors(from: 0) }
  /// The same from a number of bytes on.
  func output(from start: Int) -> String { read(outputPath, from: start) }
  func errors(from start: Int) -> String { read(errorPath, from: start) }
  /// How much it has written so far, in bytes.
  var outputCount: Int { Self.size(outputPath) }
  var errorCount: Int { Self.size(errorPath) }

  private static func size(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  private func read(_ path: String, from start: Int = 0) -> String {
    let file = certd_open(path, O_RDONLY | O_CLOEXEC, 0)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var all: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = pread(file, &part, part.count, off_t(start + all.count))
      guard count > 0 else { return String(decoding: all, as: UTF8.self) }
      all += part[..<count]
    }
  }

  private static func spawn(
    _ arguments: [String], _ environment: [String], _ output: String, _ error: String
  ) throws(SystemError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, error, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    certd_spawn_closefrom(&actions, 3)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
    posix_spawnattr_setflags(&attributes, Int16(flags))
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    var pid: pid_t = 0
    let code = withStrings(arguments) { arguments in
      withStrings(environment) { posix_spawnp(&pid, "env", &actions, &attributes, arguments, $0) }
    }
    guard code == 0 else { throw SystemError(call: "posix_spawnp", code: code, subject: "env") }
    return pid
  }

  private static func withStrings<R>(
    _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
  ) -> R {
    var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return body(pointers)
  }
}
