import CLinux

/// One running `/bin/sh -c`, in its own process group, reaped when waited for.
struct SpawnedShell: ~Copyable {
  private let process: pid_t
  private let output: FileHandle

  /// Starts the shell. Standard input is `input`, at most as much as a pipe holds; output and errors come through
  /// one pipe; every other descriptor is closed and every signal has its default meaning.
  init(_ command: String, _ environment: [String: String], input: [UInt8] = []) throws(SystemError) {
    try self.init(program: "/bin/sh", ["/bin/sh", "-c", command], environment, input: input)
  }

  /// Starts a program without a shell, in the same way; `arguments` begin with its name.
  init(
    program: String, _ arguments: [String], _ environment: [String: String], input: [UInt8] = []
  ) throws(SystemError) {
    var pipe: [Int32] = [-1, -1]
    guard unsafe certd_pipe2(&pipe, O_CLOEXEC) == 0 else {
      throw SystemError(call: "pipe2", code: certd_errno())
    }
    let readEnd = FileHandle(pipe[0])
    let writeEnd = FileHandle(pipe[1])
    _ = certd_fcntl(readEnd.descriptor, F_SETFL, O_NONBLOCK)

    let stdin = try Self.filled(input)

    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, writeEnd.descriptor, 1)
    unsafe posix_spawn_file_actions_adddup2(&actions, writeEnd.descriptor, 2)
    // Last, since a pipe itself may be descriptor 0.
    if input.isEmpty {
      unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    } else {
      unsafe posix_spawn_file_actions_adddup2(&actions, stdin.descriptor, 0)
    }
    unsafe certd_spawn_closefrom(&actions, 3)

    let child = try unsafe Spawning.start(
      program, arguments, environment, &actions, hasOwnGroup: true)
    // Not closed before the child has it.
    extendLifetime(stdin)
    process = child
    output = readEnd
  }

  /// The reading end of a pipe that holds all the input and has no writer any more.
  private static func filled(_ input: [UInt8]) throws(SystemError) -> FileHandle {
    guard input.count <= Subprocess.maximumInputInBytes else {
      throw SystemError(call: "write", code: E2BIG, subject: "the input of a command")
    }
    var pipe: [Int32] = [-1, -1]
    guard unsafe certd_pipe2(&pipe, O_CLOEXEC) == 0 else {
      throw SystemError(call: "pipe2", code: certd_errno())
    }
    let readEnd = FileHandle(pipe[0])
    let writeEnd = FileHandle(pipe[1])
    // An empty pipe takes it whole.
    let written = unsafe input.withUnsafeBytes { raw in
      unsafe raw.baseAddress.map { unsafe Sys.write(writeEnd.descriptor, $0, raw.count) } ?? 0
    }
    guard written == input.count else { throw SystemError(call: "write", code: Int32(-min(0, written))) }
    return readEnd
  }

  /// Waits for the shell, keeping the end of its output, and kills its group when the time is up.
  consuming func wait(untilNanoseconds deadline: UInt64) throws(SystemError) -> Subprocess.Outcome {
    let watch = FileHandle(pidfd_open(process, 0))
    guard watch.descriptor >= 0 else {
      let code = certd_errno()
      kill(-process, SIGKILL)
      _ = reap()
      throw SystemError(call: "pidfd_open", code: code)
    }
    var kept: [UInt8] = []
    var total = 0
    var outputEnded = false
    var timedOut = false
    while true {
      let now = Clock.monotonicNanoseconds()
      if now >= deadline {
        timedOut = true
        kill(-process, SIGKILL)
        break
      }
      let milliseconds = Int32(min((deadline - now) / 1_000_000 + 1, 1_000_000))
      // A negative descriptor is skipped: a closed pipe would be reported again and again.
      var waits = [
        pollfd(fd: watch.descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: outputEnded ? -1 : output.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      unsafe poll(&waits, 2, milliseconds)
      if waits[1].revents != 0 { outputEnded = drain(&kept, &total) }
      if waits[0].revents != 0 { break }
    }
    let status = reap()
    _ = drain(&kept, &total)
    return Subprocess.Outcome(
      ending: timedOut ? .timedOut : Self.ending(status), output: kept, isTruncated: total > kept.count)
  }

  /// Takes what the pipe holds now, at most a few rounds; true when no writer is left.
  private func drain(_ kept: inout [UInt8], _ total: inout Int) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    for _ in 0..<64 {
      let count = unsafe read(output.descriptor, &buffer, buffer.count)
      if count == 0 { return true }
      if count < 0 { return certd_errno() != EAGAIN && certd_errno() != EINTR }
      total += count
      kept += buffer[..<count]
      // The end says what went wrong.
      kept.removeFirst(max(0, kept.count - Subprocess.maximumOutputInBytes))
    }
    return false
  }

  private func reap() -> Int32 {
    var status: Int32 = 0
    while unsafe waitpid(process, &status, 0) < 0, certd_errno() == EINTR {}
    return status
  }

  /// WIFEXITED and its kin are macros that Swift does not see.
  private static func ending(_ status: Int32) -> Subprocess.Ending {
    let signal = status & 0x7F
    return signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
  }
}
