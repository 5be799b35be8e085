internal import Glibc

/// How the last event of a stream began, and where that led: OpenAI's differ behind `"delta":{` only. One that begins in the
/// same way and lies in one piece so far is read from there on.
struct EventBeginning: BitwiseCopyable {
  /// The longest beginning that is kept, in bytes.
  private static let capacity = 256

  private var bytes = InlineArray<256, UInt8>(repeating: 0)
  /// Its length in bytes; 0 before there is one.
  private(set) var count = 0
  /// Where the reader stood behind it.
  private(set) var position = ResponseReader.Position()

  /// Keeps the first bytes of an event, if nothing in them has to be told again.
  mutating func note(_ piece: UnsafeRawBufferPointer, _ length: Int, _ position: ResponseReader.Position) {
    guard length <= Self.capacity, !position.hasSaid else { return }
    unsafe withUnsafeMutableBytes(of: &bytes) {
      unsafe $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: piece[..<length]))
    }
    count = length
    self.position = position
  }

  /// Whether an event begins in the same way.
  func matches(_ piece: UnsafeRawBufferPointer) -> Bool {
    guard count > 0, piece.count >= count, let base = piece.baseAddress else { return false }
    return unsafe withUnsafeBytes(of: bytes) { kept in
      guard let own = kept.baseAddress else { return false }
      return unsafe memcmp(own, base, count) == 0
    }
  }
}
