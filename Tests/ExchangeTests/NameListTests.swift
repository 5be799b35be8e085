import Exchange
import TestRun
import Testing

@Suite(.ownThread) struct NameListTests {
  @Test(
    "a name is the same in any letter case, and with _ for -",
    arguments: [
      ("x-user", true), ("X-User", true), ("x_user", true), ("X_USER", true), ("x-use", false),
      ("xxuser", false),
    ])
  func names(_ name: String, _ isIn: Bool) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let list = NameList(["X-User"], arena)
    let other = NameList(["x_user"], arena)
    Array(name.utf8).withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return }
      #expect(list.contains(base, bytes.count) == isIn)
      #expect(other.contains(base, bytes.count) == isIn)
    }
  }
}
