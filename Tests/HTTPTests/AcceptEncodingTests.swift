import HTTP
import TestSupport
import TestRun
import Testing

@Suite("Accept-Encoding", .ownThread) struct AcceptEncodingTests {
  static let table: [([String], Bool)] = [
    ([], false), ([""], false), (["gzip"], true), (["GZip"], true), (["x-gzip"], true), (["br"], false),
    (["gzip, deflate, br, zstd"], true), (["deflate, gzip;q=1.0, *;q=0.5"], true), (["*"], true),
    (["*;q=0"], false), (["*;q=0, gzip"], true), (["gzip;q=0, *"], false), (["gzip;q=0"], false),
    (["gzip;q=0.0"], false), (["gzip;q=0.000"], false), (["gzip;q=0.001"], true), (["gzip ; q=0.5"], true),
    (["gzip;q=1.000"], true), (["gzip;q=1.001"], false), (["gzip;q=2"], false), (["gzip;q=0.0001"], false),
    (["gzip;q=.5"], false), (["gzip;q="], false), (["gzip;q=x"], false), (["gzip;q=-1"], false),
    (["gzip;level=9"], false), (["gzip;Q=0.3"], true), (["identity"], false), (["identity, gzip"], true),
    (["gzip;q=0.5, identity"], false), (["gzip;q=0.5, identity;q=0.4"], true),
    (["identity;q=0, *"], true), (["br", "gzip"], true), (["gzip;q=0", "gzip"], true),
    (["gzipped"], false), (["gzi"], false), (["x-gzip;q=0"], false), ([",,gzip,,"], true),
    (["gzip\t;\tq=0"], false),
    (["gzip x"], false), (["gzip;"], false),
  ]

  @Test("gzip is wanted when it is acceptable and no less welcome than plain content", arguments: table)
  func wanted(_ lines: [String], _ expected: Bool) throws {
    let memory = try GuardedMemory(capacity: 256)
    var accepted = AcceptEncoding()
    for line in lines {
      let bytes = latin1(line)
      accepted.take(memory.atEnd(bytes), bytes.count)
    }
    #expect(accepted.wantsGzip == expected)
  }
}
