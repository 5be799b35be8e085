@testable import OS
import TestRun
import Testing

@Suite(.ownThread) struct MemoryLimitTests {
  @Test("the memory that a process may use is more than nothing and no more than the machine has")
  func bytes() {
    #expect(MemoryLimit.bytes() > 16 << 20)
    #expect(MemoryLimit.bytes() < 1 << 50)
  }

  @Test(
    "limits are read as the kernel writes them",
    arguments: [("1073741824\n", 1_073_741_824), ("max\n", nil), ("", nil), ("-1", nil)]
      as [(Substring, UInt64?)])
  func groups(_ text: Substring, _ limit: UInt64?) { #expect(MemoryLimit.number(in: text) == limit) }

  @Test("the machine's memory and the own group are found in their files")
  func files() {
    #expect(MemoryLimit.machine("MemTotal:       24689916 kB\nMemFree: 1 kB\n") == 24_689_916 << 10)
    #expect(MemoryLimit.machine("MemTotal: 99999999999999999999 kB") == nil && MemoryLimit.machine("") == nil)
    #expect(
      MemoryLimit.group("1:name=x:/\n0::/system.slice/certd.service\n") == "/system.slice/certd.service")
    #expect(MemoryLimit.group("12:memory:/a\n") == nil)
  }
}
