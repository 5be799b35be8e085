import Bytes
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct EncodingTests {
  @Test(
    "RFC 4648's test vectors",
    arguments: [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
      ("foobar", "Zm9vYmFy"),
    ])
  func vectors(_ plain: String, _ encoded: String) {
    #expect(Base64.encode(Array(plain.utf8)) == encoded)
    #expect(Base64.decode(encoded) == Array(plain.utf8))
    let bare = encoded.filter { $0 != "=" }
    #expect(Base64URL.encode(Array(plain.utf8)) == bare)
    #expect(Base64URL.decode(bare) == Array(plain.utf8))
  }

  @Test("the two alphabets differ in 62 and 63")
  func alphabets() {
    #expect(Base64.encode([0xFB, 0xFF]) == "+/8=")
    #expect(Base64URL.encode([0xFB, 0xFF]) == "-_8")
    #expect(Base64URL.decode("+/8") == nil)
    #expect(Base64.decode("-_8=") == nil)
  }

  @Test(
    "what encoding would not have written is not decoded",
    arguments: [
      "A", "AA", "AAA", "A===", "====", "AA=A", "AAAA=", "AB==", "AAB=", "AA==AA==", "AA =", "AAA\n",
      "\u{E9}AA=",
    ])
  func refused(_ text: String) { #expect(Base64.decode(text) == nil) }

  @Test(
    "padding, surplus bits and a lone character are refused in base64url",
    arguments: ["A", "AA==", "AB", "AAB", "AAAAA", "A A"])
  func refusedURL(_ text: String) { #expect(Base64URL.decode(text) == nil) }

  @Test("random bytes come back from every encoding")
  func roundTrip() {
    var random = SeededGenerator(seed: 1)
    for length in 0..<200 {
      let bytes = random.bytes(length)
      #expect(Base64.decode(Base64.encode(bytes)) == bytes)
      #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
      #expect(Hex.decode(Hex.encode(bytes)) == bytes)
    }
  }

  @Test("hexadecimal is written in lower case and read in either, digits only and in pairs")
  func hex() {
    #expect(Hex.encode([0, 0x0F, 0xAB]) == "000fab")
    #expect(Hex.decode("000FaB") == [0, 0x0F, 0xAB])
    for text in ["0", "0g", "0x", " 0", "\u{FF10}0"] { #expect(Hex.decode(text) == nil) }
  }

  @Test("a buffer given back is the next one taken, and only so many idle ones are kept")
  func bufferPool() {
    var pool = BufferPool(bufferSize: 64, maximumIdle: 2)
    let a = pool.acquireUnbounded()
    let b = pool.acquireUnbounded()
    let c = pool.acquireUnbounded()
    #expect(Set([a, b, c]).count == 3)
    #expect(pool.inUse == 3)
    pool.release(a)
    pool.release(b)
    pool.release(c)
    #expect(pool.inUse == 0)
    #expect(pool.acquire(.goingOn) == b)
    #expect(pool.acquire(.goingOn) == a)
    pool.release(a)
    pool.release(b)
  }

  @Test("what begins gets half of a pool's buffers, what goes on the rest, and all of them come back")
  func bufferLimit() {
    var pool = BufferPool(bufferSize: 64, maximumIdle: 2, maximum: 5)
    var taken: [UnsafeMutablePointer<UInt8>] = []
    while let buffer = pool.acquire(.beginning) { taken.append(buffer) }
    #expect(taken.count == 3 && !pool.hasRoom(.beginning) && pool.hasRoom(.goingOn))
    while let buffer = pool.acquire(.goingOn) { taken.append(buffer) }
    #expect(taken.count == 5 && !pool.hasRoom(.goingOn))
    taken.append(pool.acquireUnbounded())
    for buffer in taken { pool.release(buffer) }
    #expect(pool.inUse == 0 && pool.hasRoom(.beginning))
  }
}
