import Bytes
import TestRun
import Testing
import Upstream

@testable import certd

@Suite("What one process leaves to the next", .ownThread) struct HandoverTests {
  @Test("comes back as it was written")
  func same() {
    var left = Handover(ticketKeys: Array(0..<80), ticketsRotatedAt: UnixTime(seconds: 1_800_000_000))
    left.backends["chat a"] = .init(
      health: .unhealthy, rate: 12_345, cacheTokens: 65_536, blocks: [1, .max, 0x0123_4567_89AB_CDEF])
    left.backends["chat \"b\""] = .init(health: .healthy)
    let read = Handover(reading: left.bytes)
    #expect(read.ticketKeys == left.ticketKeys && read.ticketsRotatedAt == left.ticketsRotatedAt)
    #expect(read.backends == left.backends)
  }

  @Test("gives a backend its health, its rate and its blocks in their order")
  func given() {
    let before = BackendStatus(name: "chat a")
    before.health = .healthy
    before.engine.adopt(rate: 7000)
    before.engine.index.use([UInt64](1...100).span)
    let after = BackendStatus(name: "chat a")
    Handover.Backend(of: before).give(to: after)
    #expect(after.health == .healthy && after.engine.rate == 7000)
    #expect(after.engine.index.match([UInt64](1...101).span) == 100)
    #expect(after.engine.index.remembered == before.engine.index.remembered)
  }

  @Test(
    "that cannot be read is left out",
    arguments: [
      "", "{", "[]", #"{"ticket_keys":7,"backends":[1]}"#,
      #"{"ticket_keys":"zz","backends":{"a":{"health":9,"rate":-1,"blocks":"0123"}}}"#,
      #"{"backends":{"a":{"rate":99999999999999999999,"cache_tokens":"x","blocks":"xyz"}}}"#,
    ])
  func hostile(_ text: String) {
    let read = Handover(reading: Array(text.utf8))
    #expect(read.ticketKeys.isEmpty && read.ticketsRotatedAt == nil)
    let status = BackendStatus(name: "a")
    for backend in read.backends.values { backend.give(to: status) }
    #expect(status.engine.rate >= EngineState.priorRate / EngineState.rateSpan)
  }
}
