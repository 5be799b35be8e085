import TestSupport

/// One parser under arbitrary bytes. A target ends the process when a property does not hold: to a fuzzer that is a
/// finding, to the tests a failure.
public struct FuzzTarget: Sendable {
  /// Its name, which is also its corpus's.
  public let name: String
  /// Feeds it some bytes.
  public let run: @Sendable ([UInt8]) -> Void

  init(_ name: String, _ run: @escaping @Sendable ([UInt8]) -> Void) {
    self.name = name
    self.run = run
  }

  /// Every parser of what comes from the network or the disk.
  public static let all: [FuzzTarget] = http + http2 + texts + records + models

  /// The most bytes of one input: what is longer is cut off.
  public static let maximumBytes = 16_384
}

/// Ends the process unless something holds.
func require(_ holds: Bool, _ what: @autoclosure () -> String) {
  guard holds else { fatalError("fuzzing: " + what()) }
}

/// Shows bytes at the end of readable memory, so that reading one byte too many ends the process.
func guarded(_ bytes: [UInt8], _ body: (UnsafePointer<UInt8>) -> Void) {
  guard let memory = try? GuardedMemory(capacity: bytes.count) else { return }
  body(UnsafePointer(memory.atEnd(bytes)))
}

/// Chance that depends on the input alone.
func chance(_ bytes: [UInt8]) -> SeededGenerator {
  SeededGenerator(seed: bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })
}
