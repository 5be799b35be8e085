import CLinux

/// What systemd is told of this process (sd_notify(3)), where it has started it; nothing elsewhere.
public struct ServiceManager: Sendable {
  /// The most descriptors in one message.
  static let descriptorsOfMessage = 64

  private let socket: String?
  /// How often systemd wants to hear that all is well, in microseconds; nil where it does not.
  public let watchdogMicroseconds: UInt64?

  /// As the environment says.
  public init(environment: [String: String] = Subprocess.inheritedEnvironment()) {
    let socket = environment["NOTIFY_SOCKET"] ?? ""
    self.socket = socket.hasPrefix("/") || socket.hasPrefix("@") ? socket : nil
    let isOurs = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
    watchdogMicroseconds = isOurs ? environment["WATCHDOG_USEC"].flatMap { UInt64($0) } : nil
  }

  /// Whether there is one.
  public var isThere: Bool { socket != nil }

  /// Serving.
  public func ready() { tell("READY=1") }

  /// The configuration is being read again; `ready` follows.
  public func reloading() { tell("RELOADING=1\nMONOTONIC_USEC=\(Clock.monotonicNanoseconds() / 1000)") }

  /// Ending in good order.
  public func stopping() { tell("STOPPING=1") }

  /// Another process has taken over.
  public func follows(process: Int32) { tell("MAINPID=\(process)") }

  /// All is well.
  public func alive() { tell("WATCHDOG=1") }

  /// Has systemd keep these, so that whoever comes after a crash gets them (FileDescriptorStoreMax).
  public func keep(_ sockets: KeptSockets) {
    var rest = sockets.descriptors[...]
    while !rest.isEmpty {
      tell("FDSTORE=1\nFDNAME=\(Self.name(sockets.name))", Array(rest.prefix(Self.descriptorsOfMessage)))
      rest = rest.dropFirst(Self.descriptorsOfMessage)
    }
  }

  /// Has systemd let those of an address go.
  public func forget(_ name: String) { tell("FDSTOREREMOVE=1\nFDNAME=\(Self.name(name))") }

  /// Colons stand between names.
  private static func name(_ address: String) -> String { "certd." + address.replacing(":", with: "_") }

  private func tell(_ text: String, _ descriptors: [Int32] = []) {
    guard let socket else { return }
    var bytes = Array(text.utf8)
    // Nothing can be done where it does not listen.
    _ = unsafe certd_send_to_unix(socket, &bytes, bytes.count, descriptors, Int32(descriptors.count))
  }
}
