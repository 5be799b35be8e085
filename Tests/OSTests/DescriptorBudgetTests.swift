import Testing

@testable import OS

struct DescriptorBudgetTests {
  @Test(
    "clients leave descriptors for backends, the data plane for the control plane, and both for the runtime",
    arguments: [8, 64, 128, 256, 1024, 65_536, 1 << 22] as [Int32])
  func shares(_ count: Int32) {
    let (data, control) = DescriptorBudget.shares(of: count)
    #expect(0 < data && data < control && control < count)
    #expect(count - control >= min(DescriptorBudget.reserve, count / 4))
    #expect(
      1 <= DescriptorBudget.clients(of: count) && 2 * DescriptorBudget.clients(of: count) <= max(2, Int(data))
    )
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
