import CLinux

extension FileSystem {
  /// The whole content of a regular file.
  ///
  /// Fails with EFBIG when it is longer than `limitInBytes`, with EINVAL when it is no regular file, and
  /// with ELOOP when it is a symbolic link and `followingLinks` is not set.
  public func read(
    _ path: String, limitInBytes: Int, followingLinks: Bool = false
  ) throws(SystemError) -> [UInt8] {
    let file = try open(path, O_RDONLY | (followingLinks ? 0 : O_NOFOLLOW))
    var raw = stat()
    try call("fstat", path) { unsafe Int(fstat(file.descriptor, &raw)) }
    guard FileStatus(raw).kind == .file else {
      throw SystemError(call: "read as a regular file", code: EINVAL, subject: path)
    }
    let tooLong = SystemError(call: "read", code: EFBIG, subject: path)
    guard raw.st_size <= limitInBytes else { throw tooLong }
    // One byte more than allowed, so that a file that grows meanwhile is noticed.
    var bytes = [UInt8](repeating: 0, count: min(Int(raw.st_size), limitInBytes) + 1)
    var filled = 0
    while true {
      let count = try call("read", path) {
        unsafe bytes.withUnsafeMutableBytes {
          unsafe CLinux.read(file.descriptor, $0.baseAddress.map { unsafe $0 + filled }, $0.count - filled)
        }
      }
      filled += count
      if count == 0 { break }
      guard filled <= limitInBytes else { throw tooLong }
      if filled == bytes.count { bytes += [UInt8](repeating: 0, count: min(bytes.count, limitInBytes)) }
    }
    bytes.removeSubrange(filled...)
    return bytes
  }

  /// The content of a regular file, or nil when nothing is there.
  public func readIfPresent(_ path: String, limitInBytes: Int) throws(SystemError) -> [UInt8]? {
    do { return try read(path, limitInBytes: limitInBytes) } catch {
      if error.isAbsence { return nil }
      throw error
    }
  }

  /// The names in a directory, sorted by their bytes, without `.` and `..`.
  public func list(_ path: String) throws(SystemError) -> [String] {
    var stream: OpaquePointer?
    try call("opendir", path) {
      unsafe stream = unsafe opendir(path)
      return unsafe stream == nil ? -1 : 0
    }
    guard let stream = unsafe stream else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
        unsafe tuple.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) {
          unsafe String(cString: $0)
        }
      }
      if name == "." || name == ".." { continue }
      guard names.count < Self.maximumDirectoryEntries else {
        throw SystemError(call: "readdir", code: EFBIG, subject: path)
      }
      names.append(name)
    }
    return names.sorted()
  }

  /// Where a symbolic link points, as written in it. EINVAL when it is none.
  public func readLink(_ path: String) throws(SystemError) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = try call("readlink", path) { unsafe readlink(path, &buffer, buffer.count) }
    return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
