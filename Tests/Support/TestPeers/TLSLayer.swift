import TLS

/// TLS over bytes that somebody else carries.
final class TLSLayer {
  let session: Session
  private(set) var ending: Wire.Ending?
  private let pipe = RecordPipe()
  private var input: [UInt8] = []

  init?(_ make: (borrowing RecordPipe) -> Session?) {
    guard let session = make(pipe) else { return nil }
    self.session = session
  }

  deinit { session.free() }

  /// Shows received records to the session.
  func feed(_ bytes: ArraySlice<UInt8>) {
    input += bytes
    pump()
  }

  /// Decrypts what there is; true when that was something.
  func decrypt(into plain: inout [UInt8]) -> Bool {
    let before = plain.count
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while ending == nil {
      switch session.read(into: &buffer, capacity: buffer.count) {
      case .bytes(let n): plain += buffer[..<n]
      case .wantRead:
        guard pump() else { return plain.count > before }
      case .closed: ending = .closed
      case .failed:
        Failure.clear()
        ending = .broken
      }
    }
    return plain.count > before
  }

  func write(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.withUnsafeBytes { raw in raw.baseAddress.map { session.write($0, raw.count) } ?? true }
  }

  func takeOutput() -> [UInt8] {
    defer { pipe.clearOutput() }
    return Array(pipe.output)
  }

  /// Moves input into the pipe when it has consumed what it had.
  @discardableResult
  private func pump() -> Bool {
    guard pipe.unreadInput.isEmpty, !input.isEmpty else { return false }
    let n = min(input.count, RecordPipe.inputCapacity)
    input.withUnsafeBytes { raw in
      if let base = raw.baseAddress { pipe.receiveBuffer.copyMemory(from: base, byteCount: n) }
    }
    input.removeFirst(n)
    pipe.setInput(pipe.receiveBuffer, n)
    return true
  }
}
