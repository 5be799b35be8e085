import Glibc
public import OS

/// Memory between two unreadable pages: reading one byte outside ends the process.
public struct GuardedMemory: ~Copyable {
  private static let page = 4096
  private let base: UnsafeMutableRawPointer
  private let capacity: Int
  private let mapped: Int

  /// Room for at least so many bytes. Throws when the kernel gives none.
  public init(capacity wanted: Int) throws(SystemError) {
    let room = max(1, wanted + Self.page - 1) / Self.page * Self.page
    let total = room + 2 * Self.page
    guard let map = mmap(nil, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      map != MAP_FAILED
    else { throw SystemError(call: "mmap", code: errno) }
    capacity = room
    mapped = total
    base = map
    mprotect(map, Self.page, PROT_NONE)
    mprotect(map + Self.page + room, Self.page, PROT_NONE)
  }

  deinit { munmap(base, mapped) }

  /// A copy of the bytes that ends where the unreadable page begins.
  public func atEnd(_ bytes: [UInt8]) -> UnsafeMutablePointer<UInt8> {
    copy(bytes, to: base + Self.page + capacity - bytes.count)
  }

  /// A copy of the bytes that begins where the unreadable page ends.
  public func atStart(_ bytes: [UInt8]) -> UnsafeMutablePointer<UInt8> {
    copy(bytes, to: base + Self.page)
  }

  private func copy(_ bytes: [UInt8], to place: UnsafeMutableRawPointer) -> UnsafeMutablePointer<UInt8> {
    precondition(bytes.count <= capacity, "the guarded memory is too small for this case")
    bytes.withUnsafeBytes { if let from = $0.baseAddress { memcpy(place, from, $0.count) } }
    return place.assumingMemoryBound(to: UInt8.self)
  }
}
