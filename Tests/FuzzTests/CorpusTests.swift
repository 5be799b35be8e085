import FuzzTargets
import OS
import TestSupport
import TestRun
import Testing

/// What fuzzing has taught, and close relatives of it: every kept input, and some that differ from it a little. A target
/// ends the process when a property does not hold.
@Suite("Kept inputs of the fuzz targets", .ownThread) struct CorpusTests {
  private static let corpora =
    #filePath.split(separator: "/").dropLast(2).map { "/\($0)" }.joined() + "/Fuzz/Corpora"
  /// How many relatives of each input are tried.
  private static let relatives = 30

  private static func corpus(_ name: String) throws -> [(String, [UInt8])] {
    let folder = "\(corpora)/\(name)"
    return try FileSystem().list(folder).sorted().map {
      ($0, try FileSystem().read("\(folder)/\($0)", limitInBytes: 1 << 20))
    }
  }

  @Test(
    "every target has a corpus, and holds over it and over its relatives",
    arguments: FuzzTarget.all.map(\.name))
  func replay(_ name: String) throws {
    let target = try #require(FuzzTarget.all.first { $0.name == name })
    let inputs = try Self.corpus(name)
    #expect(!inputs.isEmpty, "no corpus for \(name)")
    var random = SeededGenerator(seed: 1)
    for (_, bytes) in inputs {
      target.run(bytes)
      for _ in 0..<Self.relatives { target.run(Self.relative(of: bytes, &random)) }
    }
  }

  @Test("no corpus is of a target that is not there")
  func known() throws {
    #expect(Set(try FileSystem().list(Self.corpora)).isSubset(of: FuzzTarget.all.map(\.name)))
  }

  /// The same with a few bytes changed, left out, doubled or cut off.
  private static func relative(of bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
      let at = Int.random(in: bytes.indices, using: &random)
      switch random.next() % 6 {
      case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
      case 1: bytes[at] ^= 1 << UInt8(random.next() % 8)
      case 2: bytes.remove(at: at)
      case 3: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 20)], at: at)
      case 4: bytes[at] = [0, 0xFF, 0x0A, 0x0D, 0x20, 0x7F, 0x80].randomElement(using: &random) ?? 0
      default: bytes.removeSubrange(at...)
      }
    }
    return bytes
  }
}
