import CertStore
import OS
import PKI
import Scratch
import Synchronization
import TestRun
import Testing

@Suite(.ownThread) struct ChallengeMemoryTests {
  private final class Clocks: Sendable {
    let now = Mutex<UInt64>(1_000_000_000)
    /// Time goes on by so many nanoseconds.
    func pass(_ nanoseconds: UInt64) { now.withLock { $0 += nanoseconds } }
  }

  private let scratch: ScratchDirectory
  private let store: CertStore
  private let clocks = Clocks()
  private let memory: ChallengeMemory

  init() throws {
    scratch = try ScratchDirectory()
    store = try CertStore.open(root: scratch.path)
    let clocks = clocks
    memory = ChallengeMemory(
      store.challenges, monotonic: { clocks.now.withLock { $0 } },
      wall: { Int64(clamping: Clock.wallNanoseconds()) })
  }

  @Test("what another process puts up is answered a millisecond later, and no more once it is taken down")
  func follows() throws {
    #expect(memory.answer(token: "token") == nil)
    for round in 0..<50 {
      let other = try CertStore.open(root: scratch.path)
      try other.challenges.publish(token: "token", keyAuthorization: "token.\(round)")
      clocks.pass(ChallengeMemory.lookNanoseconds)
      #expect(memory.answer(token: "token") == Array("token.\(round)".utf8))
      try other.challenges.withdraw(token: "token")
      clocks.pass(ChallengeMemory.lookNanoseconds)
      #expect(memory.answer(token: "token") == nil)
    }
  }

  @Test("whoever asks again and again makes nobody look at the directory more often than that")
  func asksOften() throws {
    #expect(memory.answer(token: "token") == nil)
    try store.challenges.publish(token: "token", keyAuthorization: "token.1")
    for _ in 0..<1000 { #expect(memory.answer(token: "token") == nil) }
    clocks.pass(ChallengeMemory.lookNanoseconds)
    #expect(memory.answer(token: "token") == Array("token.1".utf8))
  }

  @Test("a validation is found by its server name in any letter case; what is no token is nothing")
  func validations() throws {
    let name = try #require(Identifier("example.com"))
    try store.challenges.publishValidation(name, keyAuthorization: "token.1")
    #expect(memory.validation(serverName: "EXAMPLE.com")?.identifier == "example.com")
    #expect(memory.validation(serverName: "other.com") == nil)
    for text in ["", "../lock", "alpn.example.com", "a/b"] { #expect(memory.answer(token: text) == nil) }
  }
}
