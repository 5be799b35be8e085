import CLinux

extension Sys {
  /// Waits until there is something to read, or room to write, for at most so many milliseconds; false when there was not.
  public static func wait(_ fd: Int32, toWrite: Bool = false, milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: fd, events: Int16(toWrite ? POLLOUT : POLLIN), revents: 0)
    while true {
      let ready = unsafe result(Int(poll(&entry, 1, milliseconds)))
      if ready != -Int(EINTR) { return ready > 0 }
    }
  }

  /// Ends a socket in both directions; whoever waits for it is woken.
  public static func shutdown(_ fd: Int32) { _ = CLinux.shutdown(fd, Int32(SHUT_RDWR)) }
}
