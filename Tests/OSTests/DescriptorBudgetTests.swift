import TestRun
import Testing

@testable import OS

@Suite(.ownThread) struct DescriptorBudgetTests {
  @Test(
    "clients leave descriptors for backends, the data plane for the control plane, and both for the runtime",
    arguments: [8, 64, 128, 256, 1024, 65_536, 1 << 22] as [Int32])
  func shares(_ count: Int32) {
    let (clients, backends, control) = DescriptorBudget.shares(of: count)
    #expect(0 < clients && clients <= backends && backends < control && control < count)
    #expect(count - control >= min(DescriptorBudget.reserve, count / 4))
    #expect(count < 64 || clients < backends)
  }

  @Test("a bell that has rung is heard later, once, and one that has not is waited for in vain")
  func doorbell() throws {
    let bell = try Doorbell()
    #expect(!bell.wait(milliseconds: 0))
    bell.ring()
    bell.ring()
    #expect(bell.wait() && !bell.wait(milliseconds: 0))
  }
}
