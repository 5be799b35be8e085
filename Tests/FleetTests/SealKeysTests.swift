import PKI
import TestRun
import TestSupport
import Testing

@testable import Fleet

@Suite("What is sealed", .ownThread) struct SealKeysTests {
  private let old = [UInt8](repeating: 1, count: 32)
  private let new = [UInt8](repeating: 2, count: 32)

  @Test("opens at its place only, by its key only, and unchanged only")
  func places() throws {
    let keys = try SealKeys(old)
    let sealed = try keys.seal(Array("a secret".utf8), at: "/a")
    #expect(try keys.open(sealed, at: "/a") == Array("a secret".utf8))
    #expect(throws: PKIError.self) { try keys.open(sealed, at: "/b") }
    #expect(throws: PKIError.self) { try SealKeys(new).open(sealed, at: "/a") }
    for index in sealed.indices {
      var changed = sealed
      changed[index] ^= 1
      #expect(throws: PKIError.self) { try keys.open(changed, at: "/a") }
      #expect(throws: PKIError.self) { try keys.open(Array(sealed.prefix(index)), at: "/a") }
    }
    let (first, second) = (try keys.seal([], at: "/a"), try keys.seal([], at: "/a"))
    #expect(first != second)
  }

  @Test("an older key still opens, and what it has sealed is told from what the newest has")
  func rotation() throws {
    let sealed = try SealKeys(old).seal([7], at: "/a")
    let both = try SealKeys(new, older: [old])
    #expect(try both.open(sealed, at: "/a") == [7])
    let fresh = try both.seal([7], at: "/a")
    #expect(!both.isNewest(sealed) && both.isNewest(fresh))
    #expect { try SealKeys(new).open(sealed, at: "/a") } throws: { "\($0)".contains("old_seal_keys") }
  }

  @Test(
    "a key is 32 bytes, in hexadecimal or base64", arguments: ["", "ab", String(repeating: "g", count: 64)])
  func texts(_ bad: String) throws {
    #expect(SealKeys.bytes(of: bad) == nil)
    #expect(SealKeys.bytes(of: String(repeating: "01", count: 32)) == old)
    #expect(throws: PKIError.self) { try SealKeys([1, 2, 3]) }
  }
}
