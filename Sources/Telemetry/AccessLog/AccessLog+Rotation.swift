internal import OS
internal import Synchronization

// Files that are put aside: by ourselves when they are large, or by others, such as logrotate.
extension AccessLog {
  /// Workers and logs that share a file rotate it one after another.
  private static let turn = Mutex(())

  /// Sees whether the path still leads to what is written, and whether that is large. Called about once a second.
  public func lookAtFile() {
    guard case .file(let path) = settings.destination, isRegularFile else { return }
    let own = Sys.streamName(descriptor)
    guard let there = Self.name(path), there == own else {
      try? reopen()
      return
    }
    guard let rotation = settings.rotation, Sys.size(descriptor) >= rotation.sizeInBytes else { return }
    Self.turn.withLock { _ in
      // Another worker may have been first.
      if Self.name(path) == own { Self.putAside(path, keep: rotation.keep) }
    }
    try? reopen()
  }

  private static func name(_ path: String) -> String? { Sys.streamName(path: path) }

  /// What cannot be renamed stays: it is written on, and tried again.
  private static func putAside(_ path: String, keep: Int) {
    let files = FileSystem()
    guard keep > 0 else { return (try? files.unlinkIfPresent(path)) ?? () }
    for number in stride(from: keep - 1, through: 1, by: -1) {
      try? files.rename("\(path).\(number)", to: "\(path).\(number + 1)")
    }
    try? files.rename(path, to: "\(path).1")
  }
}
