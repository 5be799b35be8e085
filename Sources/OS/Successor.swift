import CLinux

/// The process that takes this one's place: the same command line, whatever program stands at its path by now.
public struct Successor: ~Copyable {
  /// Its number.
  public let process: Int32
  private let answer: Descriptor

  /// The variable that says what was handed over: how many sockets, by which names.
  static let socketNames = "CERTD_SOCKETS"
  /// The longest list of names, in bytes.
  static let maximumNames = 65_536

  /// Whether this process is the first one of a container, which ends with it: nobody can take its place.
  public static var isImpossible: Bool { getpid() == 1 }

  /// Starts it with listening sockets, and with what it is to know. It answers by `Predecessor.ready`.
  public init(
    program: String, arguments: [String], sockets: [KeptSockets], knowledge: [UInt8]
  ) throws(SystemError) {
    let pairs = sockets.flatMap { kept in kept.descriptors.map { (kept.name, $0) } }
    let names = pairs.map(\.0).joined(separator: " ")
    guard pairs.count <= InheritedSockets.maximum, names.utf8.count <= Self.maximumNames else {
      throw SystemError(call: "posix_spawn", code: E2BIG, subject: "listening sockets")
    }
    var ends: [Int32] = [-1, -1]
    guard unsafe certd_pipe2(&ends, O_CLOEXEC) == 0 else {
      throw SystemError(call: "pipe2", code: certd_errno())
    }
    let (read, write) = (ends[0], ends[1])
    let answer = Descriptor(owning: read)
    let answered = Descriptor(owning: write)
    let memory = try Self.memory(knowledge)
    let sources = pairs.map(\.1) + [memory.number, answered.number]
    // Where they go, no source may stand: copies further up first.
    let end = InheritedSockets.first + Int32(sources.count)
    var copies: [Int32] = []
    defer { for copy in copies { Sys.close(copy) } }
    for source in sources {
      let copy = certd_fcntl(source, F_DUPFD_CLOEXEC, end)
      guard copy >= 0 else { throw SystemError(call: "dup", code: certd_errno()) }
      copies.append(copy)
    }
    var environment = Subprocess.inheritedEnvironment()
    environment[Self.socketNames] = names
    // Its own number is another one.
    environment["WATCHDOG_PID"] = nil
    process = try Self.spawn(program, arguments, environment, copies, end)
    self.answer = answer
    extendLifetime(answered)
  }

  private static func memory(_ bytes: [UInt8]) throws(SystemError) -> Descriptor {
    let file = unsafe certd_memory_file("certd")
    guard file >= 0 else { throw SystemError(call: "memfd_create", code: certd_errno()) }
    let memory = Descriptor(owning: file)
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { raw in
        unsafe raw.baseAddress.map { unsafe Sys.write(file, $0, raw.count) } ?? 0
      }
      guard count > 0 else { throw SystemError(call: "write", code: Int32(-min(0, count))) }
      rest = rest.dropFirst(count)
    }
    return memory
  }

  private static func spawn(
    _ program: String, _ arguments: [String], _ environment: [String: String], _ copies: [Int32], _ end: Int32
  ) throws(SystemError) -> Int32 {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    for (place, copy) in copies.enumerated() {
      unsafe posix_spawn_file_actions_adddup2(&actions, copy, InheritedSockets.first + Int32(place))
    }
    unsafe certd_spawn_closefrom(&actions, end)
    return try unsafe Spawning.start(program, arguments, environment, &actions, hasOwnGroup: false)
  }

  /// Waits until it serves. False when it has ended, or has not answered in time: it is killed then.
  public consuming func serves(withinMilliseconds limit: Int32) -> Bool {
    var byte: UInt8 = 0
    if Sys.wait(answer.number, milliseconds: limit), unsafe Sys.read(answer.number, &byte, 1) == 1 {
      return true
    }
    kill(process, SIGKILL)
    var status: Int32 = 0
    while unsafe waitpid(process, &status, 0) < 0, certd_errno() == EINTR {}
    return false
  }
}

/// The process that this one takes the place of.
public struct Predecessor: Sendable {
  /// The sockets that it has left.
  public let sockets: InheritedSockets
  /// What it has left besides.
  public let knowledge: [UInt8]
  private let answer: Int32

  /// The most that is read of what it has left, in bytes.
  public static let maximumKnowledge = 256 << 20

  /// The one that has started this process to take its place; nil when this is a first one. To be called before other
  /// threads exist.
  public static func find() -> Predecessor? {
    guard let names = Subprocess.inheritedEnvironment()[Successor.socketNames] else { return nil }
    unsafe unsetenv(Successor.socketNames)
    guard names.utf8.count <= Successor.maximumNames else { return nil }
    let all = names.split(separator: " ").map(String.init)
    let memory = InheritedSockets.first + Int32(all.count)
    for descriptor in InheritedSockets.first...memory + 1 {
      _ = certd_fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }
    let sockets = all.enumerated().map { (InheritedSockets.first + Int32($0.offset), $0.element) }
    return Predecessor(
      sockets: InheritedSockets(sockets), knowledge: read(Descriptor(owning: memory)), answer: memory + 1)
  }

  private static func read(_ memory: consuming Descriptor) -> [UInt8] {
    let count = lseek(memory.number, 0, SEEK_END)
    guard count > 0, count <= maximumKnowledge else { return [] }
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let got = unsafe bytes.withUnsafeMutableBytes { raw in
        unsafe raw.baseAddress.map { unsafe pread(memory.number, $0 + done, count - done, off_t(done)) } ?? 0
      }
      guard got > 0 else { return [] }
      done += got
    }
    return bytes
  }

  /// Tells it that this process serves: it begins to end. False when it has ended already, and did not want a successor.
  public func ready() -> Bool {
    var byte: UInt8 = 1
    defer { Sys.close(answer) }
    return unsafe Sys.write(answer, &byte, 1) == 1
  }
}
