import TestRun
import Testing

@testable import Etcd

@Suite("etcd's answers", .ownThread) struct WireTests {
  @Test("a watch cut into single bytes tells the same, and stops at what is no line of a watch")
  func watch() {
    let lines = """
      {"result":{"header":{"revision":"4"},"created":true}}
      {"result":{"header":{"revision":"5"},"events":[{"kv":{"key":"L2I=","create_revision":"4","mod_revision":"4","value":"eA=="}},{"type":"DELETE","kv":{"key":"L2E=","mod_revision":"5"}}]}}
      {"result":{"header":{},"canceled":true,"compact_revision":"9"}}
      nonsense
      {"result":{"header":{"revision":"6"},"created":true}}

      """
    var reader = WatchReader()
    let messages = lines.utf8.flatMap { reader.take([$0]) }
    let expected: [WatchMessage] = [
      .began(revision: 4),
      .changes(
        [
          Change(KeyValue(key: "/b", value: [0x78], createRevision: 4, modRevision: 4)),
          Change(KeyValue(key: "/a", modRevision: 5), isGone: true),
        ], revision: 5),
      .compacted(9),
    ]
    #expect(messages == expected)
    #expect(reader.failure == .malformed("a line of a watch"))
  }

  @Test(
    "the end of a prefix is the first key behind it",
    arguments: [
      ("/a/", Array("/a0".utf8)), ("a\u{7F}", Array("a\u{80}".unicodeScalars.map { UInt8($0.value) })),
      ("", [0]),
    ])
  func end(_ prefix: String, _ end: [UInt8]) { #expect(Wire.end(ofPrefix: prefix) == end) }

  @Test(
    "what another member may do better is told from what is refused",
    arguments: [
      (#"{"error":"etcdserver: no leader","code":14}"#, true),
      (#"{"error":"etcdserver: request timed out","code":4}"#, true),
      (#"{"error":"etcdserver: mvcc: database space exceeded","code":8}"#, false),
      ("<html>", true),
    ])
  func refusals(_ text: String, _ isUnreachable: Bool) {
    if case .unreachable = Wire.refusal(status: 503, Array(text.utf8)) {
      #expect(isUnreachable)
    } else {
      #expect(!isUnreachable)
    }
  }

  @Test("the trailers that etcd's gateway puts behind an error do not hide it")
  func trailers() {
    let text = #"{"error":"etcdserver: requested lease not found","code":5}Grpc-Trailer-Content-Type: x"#
    #expect(
      Wire.refusal(status: 404, Array(text.utf8))
        == .refused(code: 5, "etcdserver: requested lease not found"))
  }
}
