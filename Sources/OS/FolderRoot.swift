import CLinux

/// A directory whose files are given out, and nothing beside or above it: every part of a path is opened by itself, below
/// the one before, and no symbolic link is followed.
public struct FolderRoot: Sendable {
  /// What is there, open.
  public struct Entry: ~Copyable {
    /// Its descriptor, for as long as this is there.
    public let descriptor: Descriptor
    /// What it is.
    public let status: FileStatus
  }

  private let path: String

  /// A directory; links on the way to it are followed.
  public init(_ path: String) { self.path = path }

  /// A file or directory in it, open for reading, and what it is; nil where nothing of the kind is there. Parts that are empty,
  /// begin with a dot or hold a slash or NUL are never there.
  public func open(_ parts: [String]) -> Entry? {
    let directory = O_RDONLY | O_DIRECTORY | O_CLOEXEC
    let root = unsafe certd_open(path, directory, 0)
    guard root >= 0 else { return nil }
    var at = Descriptor(owning: root)
    for part in parts {
      guard !part.isEmpty, !part.hasPrefix("."), !part.utf8.contains(0), !part.utf8.contains(0x2F) else {
        return nil
      }
      let next = unsafe certd_openat(
        at.number, part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0)
      guard next >= 0 else { return nil }
      at = Descriptor(owning: next)
    }
    var raw = stat()
    guard unsafe fstat(at.number, &raw) == 0 else { return nil }
    return Entry(descriptor: at, status: FileStatus(raw))
  }

  /// Reads into a buffer from a place in a file; how much, 0 at its end, negative when it cannot be read.
  public static func read(_ fd: Int32, into buffer: inout [UInt8], at offset: Int) -> Int {
    unsafe buffer.withUnsafeMutableBytes { bytes in
      unsafe pread(fd, bytes.baseAddress, bytes.count, off_t(offset))
    }
  }
}
