internal import EventLoop
internal import HTTP
internal import OS
internal import Upstream

extension Worker {
  /// Copies what the log will say of the request; its buffer may be gone by then. The query is left out: it may
  /// hold a key.
  func remember(_ x: UnsafeMutablePointer<Exchange>, _ base: UnsafePointer<UInt8>) {}

  func logAccess(_ x: UnsafeMutablePointer<Exchange>) {}

  func logLocal(_ d: UnsafeMutablePointer<Downstream>, _ status: Int, _ bytes: Int) {}

  func flushLogs() {}

  /// Once a turn.
  func tick() {}
}
