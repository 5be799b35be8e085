internal import OS

/// Bytes that could not be sent at once and wait for room in the socket.
@safe struct ParkedOutput: BitwiseCopyable {
  private var memory: UnsafeMutablePointer<UInt8>?
  private var start = 0
  private var end = 0
  private var capacity = 0

  var isEmpty: Bool { start == end }
  var count: Int { end - start }

  /// Keeps a copy of some bytes behind those that wait already.
  mutating func append(_ bytes: UnsafePointer<UInt8>, _ n: Int) {
    if end + n > capacity { grow(for: n) }
    guard let memory = unsafe memory else { return }
    unsafe (memory + end).update(from: bytes, count: n)
    end += n
  }

  /// Makes room for so many bytes.
  mutating func reserve(_ n: Int) { if n > capacity - start { grow(for: n - count) } }

  /// Writes over bytes that wait already, as far as there are any.
  mutating func overwrite(at place: Int, _ bytes: UnsafePointer<UInt8>, _ n: Int) {
    guard let memory = unsafe memory, place >= 0, n >= 0, place + n <= count else { return }
    unsafe (memory + start + place).update(from: bytes, count: n)
  }

  /// Puts other bytes in the place of some that wait.
  mutating func replace(_ place: Range<Int>, with bytes: UnsafePointer<UInt8>, _ n: Int) {
    guard place.lowerBound >= 0, place.upperBound <= count else { return }
    var whole = ParkedOutput()
    let old = unsafe self.bytes
    guard let base = old.baseAddress else { return }
    unsafe whole.append(base, place.lowerBound)
    unsafe whole.append(bytes, n)
    unsafe whole.append(base + place.upperBound, old.count - place.upperBound)
    free()
    self = whole
  }

  /// What waits.
  var bytes: UnsafeBufferPointer<UInt8> {
    unsafe UnsafeBufferPointer(start: memory.map { unsafe UnsafePointer($0 + start) }, count: end - start)
  }

  /// Forgets the first bytes: they have been dealt with.
  mutating func drop(_ n: Int) {
    start += n
    if start >= end { free() }
  }

  /// Sends what it can; 1 when nothing is left, 0 when there is no room, -1 when the connection has failed.
  mutating func flush(_ fd: Int32) -> Int {
    guard let memory = unsafe memory else { return 1 }
    while start < end {
      let n = unsafe Sys.send(fd, memory + start, end - start)
      if n < 0 { return n == Sys.wouldBlock ? 0 : -1 }
      start += n
    }
    free()
    return 1
  }

  mutating func free() {
    unsafe memory?.deallocate()
    unsafe memory = nil
    start = 0
    end = 0
    capacity = 0
  }

  /// Grows by doubling, so that many small pieces are copied a few times only.
  private mutating func grow(for n: Int) {
    let needed = max(4096, count + n, count > capacity / 2 ? capacity * 2 : capacity)
    let bigger = UnsafeMutablePointer<UInt8>.allocate(capacity: needed)
    if let memory = unsafe memory {
      unsafe bigger.update(from: memory + start, count: count)
      unsafe memory.deallocate()
    }
    end = count
    start = 0
    unsafe memory = unsafe bigger
    capacity = needed
  }
}

/// Received records that OpenSSL has not consumed yet, kept while another connection is served.
@safe struct ParkedInput: BitwiseCopyable {
  private var memory: UnsafeMutableRawPointer?
  private var start = 0
  private var end = 0

  var isEmpty: Bool { start == end }
  var bytes: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(
      start: memory.map { unsafe UnsafeRawPointer($0 + start) }, count: end - start)
  }

  /// Keeps exactly `rest`, which may be the tail of what is kept already.
  mutating func keep(_ rest: UnsafeRawBufferPointer) {
    guard let from = rest.baseAddress, rest.count > 0 else { return free() }
    if let memory = unsafe memory, unsafe from >= UnsafeRawPointer(memory),
      unsafe from < UnsafeRawPointer(memory + end)
    {
      start = unsafe from - UnsafeRawPointer(memory)
      return
    }
    let copy = UnsafeMutableRawPointer.allocate(byteCount: rest.count, alignment: 16)
    unsafe copy.copyMemory(from: from, byteCount: rest.count)
    unsafe memory?.deallocate()
    unsafe memory = unsafe copy
    start = 0
    end = rest.count
  }

  mutating func free() {
    unsafe memory?.deallocate()
    unsafe memory = nil
    start = 0
    end = 0
  }
}
