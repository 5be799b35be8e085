import CLinux

/// A plain kernel thread with a name. Entries live here and not in a main file, where a closure would
/// silently belong to the main actor.
public struct Thread: @unchecked Sendable {
  private let handle: pthread_t

  /// Starts a thread; its name is cut to the kernel's 15 bytes. Throws when the system has no room for one.
  public static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError)
    -> Thread
  {
    let box = unsafe Unmanaged.passRetained(Entry(name: name, body: body))
    var handle = pthread_t()
    let status = unsafe pthread_create(
      &handle, nil,
      { raw in
        guard let raw = unsafe raw else { return nil }
        let entry = unsafe Unmanaged<Entry>.fromOpaque(raw).takeRetainedValue()
        unsafe certd_name_thread(String(entry.name.prefix(15)))
        entry.body()
        return nil
      }, unsafe box.toOpaque())
    guard status == 0 else {
      unsafe box.release()
      throw SystemError(call: "pthread_create", code: status, subject: name)
    }
    return Thread(handle: handle)
  }

  /// Lets its memory be freed at its end; it cannot be waited for any more. One of `join` and `detach` is
  /// called exactly once, unless the thread lives as long as the process.
  public func detach() { pthread_detach(handle) }

  /// Waits for its end.
  public func join() { pthread_join(handle, nil) }

  private final class Entry {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
}

/// Facts about the processors that this process may use.
public enum Processors {
  /// How many there are, at least one.
  public static var count: Int { Int(certd_cpu_count()) }
}
