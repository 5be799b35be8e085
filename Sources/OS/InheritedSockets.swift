import CLinux
internal import Synchronization

/// Listening sockets that came with the process: left by the process before it, or opened by systemd (sd_listen_fds(3)).
/// Who needs one takes it by its address; it owns those that nobody takes.
public final class InheritedSockets: Sendable {
  /// One socket and what it is for.
  struct Entry: Sendable {
    let descriptor: Int32
    /// The address as it was asked for, which for port 0 is not the one that it is bound to; empty where nobody has told.
    let name: String
    let address: String
  }

  /// How many sockets are taken over at most.
  public static let maximum = 4096
  /// The first descriptor that is handed over (SD_LISTEN_FDS_START).
  static let first: Int32 = 3

  private let entries: Mutex<[Entry]>

  /// Takes over descriptors, each with the address that it was asked for, if that is known. What is not a listening socket of
  /// IP is closed.
  init(_ descriptors: [(descriptor: Int32, name: String)]) {
    var entries: [Entry] = []
    for (descriptor, name) in descriptors {
      guard Self.isListening(descriptor), let address = try? ListeningSocket.address(of: descriptor),
        address.family == AF_INET || address.family == AF_INET6
      else {
        Sys.close(descriptor)
        continue
      }
      _ = certd_fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      _ = certd_fcntl(descriptor, F_SETFL, O_NONBLOCK)
      Sys.setNoDelay(descriptor)
      entries.append(Entry(descriptor: descriptor, name: name, address: address.description))
    }
    self.entries = Mutex(entries)
  }

  /// None.
  public static var none: InheritedSockets { InheritedSockets([]) }

  deinit { closeRest() }

  private static func isListening(_ descriptor: Int32) -> Bool {
    var (value, length): (Int32, socklen_t) = (0, socklen_t(MemoryLayout<Int32>.size))
    return unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0 && value == 1
  }

  /// What systemd says that it has opened for this process; the variables that say so are taken away, since they are not
  /// meant for commands that this one starts. To be called before other threads exist.
  public static func fromSystemd() -> InheritedSockets {
    let environment = Subprocess.inheritedEnvironment()
    defer {
      for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsafe unsetenv(name) }
    }
    guard let process = environment["LISTEN_PID"].flatMap({ pid_t($0) }), process == getpid(),
      let count = environment["LISTEN_FDS"].flatMap({ Int32($0) }), count > 0, count <= Self.maximum
    else { return none }
    return InheritedSockets((first..<first + count).map { ($0, "") })
  }

  /// Whether there are any.
  public var isEmpty: Bool { entries.withLock { $0.isEmpty } }

  /// The addresses that they are bound to.
  public var addresses: [String] { entries.withLock { $0.map(\.address) } }

  /// Those for an address; the caller closes them.
  func take(_ address: SocketAddress) -> [Int32] {
    let wanted = address.description
    return entries.withLock { entries in
      let named = entries.filter { $0.name == wanted }
      let found = named.isEmpty ? entries.filter { $0.name.isEmpty && $0.address == wanted } : named
      entries.removeAll { entry in found.contains { $0.descriptor == entry.descriptor } }
      return found.map(\.descriptor)
    }
  }

  /// A socket for each of so many workers, of those for an address; the caller closes them. Sockets that are more than the
  /// workers come to those in turn, so that no connection in a queue is lost; fewer are shared. Nil where there is none.
  public func take(_ address: SocketAddress, workers: Int) -> [[Int32]]? {
    let found = take(address)
    guard !found.isEmpty, workers > 0 else { return nil }
    var shares: [[Int32]] = Array(repeating: [], count: workers)
    for (place, descriptor) in found.enumerated() { shares[place % workers].append(descriptor) }
    for worker in shares.indices where shares[worker].isEmpty {
      let copy = certd_fcntl(found[worker % found.count], F_DUPFD_CLOEXEC, Self.first)
      if copy >= 0 { shares[worker].append(copy) }
    }
    return shares
  }

  /// Closes those that nobody has taken.
  public func closeRest() {
    entries.withLock { entries in
      for entry in entries { Sys.close(entry.descriptor) }
      entries = []
    }
  }
}
