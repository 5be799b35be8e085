import TestRun
import Testing

@testable import HTTP2

@Suite(.ownThread) struct StreamTableTests {
  @Test("finds exactly the streams that are in it, whatever was removed in between")
  func keepsWhatItWasGiven() {
    var table = StreamTable()
    defer { table.free() }
    let memory = UnsafeMutablePointer<StreamState>.allocate(capacity: 300)
    defer { memory.deallocate() }
    for i in 0..<300 {
      (memory + i).initialize(to: StreamState())
      memory[i].id = UInt32(i * 2 + 1)
      table.insert(memory + i)
      if i >= 7, i % 3 != 0 { table.remove(UInt32((i - 7) * 2 + 1)) }
    }
    for i in 0..<300 {
      let removed = i + 7 < 300 && (i + 7) % 3 != 0
      #expect((table.find(UInt32(i * 2 + 1)) == nil) == removed, "stream \(i * 2 + 1)")
    }
  }
}
