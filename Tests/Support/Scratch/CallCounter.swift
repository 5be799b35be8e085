import CLinux
public import OS
import Synchronization

/// Watches the file system's door: counts calls, writes them down, and fails one of them.
public final class CallCounter: Sendable {
  private let brokenPath: String?
  private let state = Mutex<(calls: [String], failAt: Int?, code: Int32)>(([], nil, 0))

  /// One that lets every call pass.
  public init() { brokenPath = nil }

  /// One with which every call on a path that ends so fails with this code.
  public init(failingPath suffix: String, code: Int32) {
    brokenPath = suffix
    state.withLock { $0.code = code }
  }

  /// One whose call number `n`, counted from 1, fails with this code.
  public init(failing n: Int, code: Int32) {
    brokenPath = nil
    state.withLock { $0 = ([], n, code) }
  }

  /// A file system behind this door.
  public func fileSystem(maximumWriteInBytes: Int = 1 << 20) -> FileSystem {
    FileSystem(maximumWriteInBytes: maximumWriteInBytes) { (call: String, path: String) throws(SystemError) in
      let failure = self.state.withLock { state -> Int32? in
        state.calls.append("\(call) \(path)")
        let isBroken = self.brokenPath.map { path.hasSuffix($0) } ?? false
        return isBroken || state.calls.count == state.failAt ? state.code : nil
      }
      if let failure { throw SystemError(call: call, code: failure, subject: path) }
    }
  }

  /// Every call so far, as `rename /path`.
  public var calls: [String] { state.withLock { $0.calls } }
}
