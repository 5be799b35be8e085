import HTTP
import TestRun
import TestSupport
import Testing

/// Content in chunks of which a first part is sent in one chunk, and the rest as it comes.
@Suite("Joints of chunks", .ownThread) struct ChunkJointTests {
  private func data(of chunked: [UInt8]) -> [UInt8]? {
    var framing = ChunkedFraming()
    var out: [UInt8] = []
    let end = unsafe chunked.withUnsafeBufferPointer { bytes in
      unsafe bytes.baseAddress.map { start in
        unsafe framing.scan(start, bytes.count, data: { out += chunked[$0..<$0 + $1] })
      }
    }
    return end == .end(chunked.count) ? out : nil
  }

  @Test("wherever the first part ends, all of it together is the same content")
  func everywhere() {
    let all = latin1("4\r\nabcd\r\n0a\r\n0123456789\r\n1\r\n!\r\n0\r\nX-A: b\r\n\r\n")
    let wanted = latin1("abcd0123456789!")
    var joined = 0
    for cut in 1..<all.count {
      var framing = ChunkedFraming()
      var first: [UInt8] = []
      _ = unsafe all.withUnsafeBufferPointer { bytes in
        unsafe bytes.baseAddress.map { start in
          unsafe framing.scan(start, cut, data: { first += all[$0..<$0 + $1] })
        }
      }
      guard let joint = framing.joint, !first.isEmpty else { continue }
      var again = latin1(String(UInt64(first.count) + joint.left, radix: 16) + "\r\n") + first
      again += latin1("\(joint.end)" + (joint.size.map { String($0, radix: 16) } ?? "") + "\(joint.sizeEnd)")
      #expect(data(of: again + all[cut...]) == wanted, "\(cut)")
      joined += 1
    }
    #expect(joined >= 30)
  }
}
