import CLinux

/// What this process holds in memory.
public enum ProcessMemory {
  /// Gives back the pages of code that only the start needed: command line, configuration, tables of types.
  ///
  /// Code is mapped from files and never written, so that the kernel brings a page back when it is used again.
  /// Nothing else is touched; a mapping that is writable or has no file stays as it is.
  public static func dropUnusedCode() {
    guard let maps = try? FileSystem().read("/proc/self/maps", limitInBytes: 1 << 20) else { return }
    for line in maps.split(separator: 0x0A) {
      let text = String(decoding: line, as: UTF8.self)
      let parts = text.split(separator: " ", omittingEmptySubsequences: true)
      guard parts.count >= 6, parts[1] == "r-xp", parts[5].hasPrefix("/") else { continue }
      let range = parts[0].split(separator: "-")
      guard range.count == 2, let start = UInt(range[0], radix: 16), let end = UInt(range[1], radix: 16),
        start < end, let pointer = unsafe UnsafeMutableRawPointer(bitPattern: start)
      else { continue }
      unsafe madvise(pointer, Int(end - start), MADV_DONTNEED)
    }
  }
}
