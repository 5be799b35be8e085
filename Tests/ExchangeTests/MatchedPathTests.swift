import Exchange
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct MatchedPathTests {
  private func matched(_ path: String) -> String {
    let bytes = Array(path.utf8)
    var out = [UInt8](repeating: 0, count: bytes.count + 1)
    let count = bytes.withUnsafeBufferPointer { from in
      out.withUnsafeMutableBufferPointer { to in
        guard let source = from.baseAddress, let target = to.baseAddress else { return 0 }
        return MatchedPath.write(source, from.count, into: target)
      }
    }
    return String(decoding: out[..<count], as: UTF8.self)
  }

  private func isPlain(_ path: String) -> Bool {
    Array(path.utf8).withUnsafeBufferPointer { bytes in
      bytes.baseAddress.map { MatchedPath.scan($0, bytes.count).isPlain } ?? true
    }
  }

  @Test(
    "a path means what RFC 3986 says it does",
    arguments: [
      ("/", "/"), ("/admin/x", "/admin/x"), ("/%61dmin/x", "/admin/x"), ("/%41%2d%2E%5f%7E", "/A-._~"),
      ("/./admin/x", "/admin/x"), ("/x/../admin/x", "/admin/x"), ("/x/%2e%2e/admin/x", "/admin/x"),
      ("/x/%2E./admin", "/admin"), ("//admin//x", "/admin/x"), ("///", "/"), ("/..", "/"), ("/../..", "/"),
      ("/../../a", "/a"), ("/a/..", "/"), ("/a/b/..", "/a/"), ("/a/.", "/a/"), ("/a/./", "/a/"),
      ("/a/../", "/"),
      ("/a/...", "/a/..."), ("/a/..b/.c", "/a/..b/.c"), ("/.hidden", "/.hidden"), ("/a//", "/a/"),
      ("/admin%2fx", "/admin%2Fx"), ("/admin%00", "/admin%00"), ("/a%20b", "/a%20b"), ("/a%2", "/a%2"),
      ("/a%zz/..%2f", "/a%zz/..%2F"), ("/a%2e%2e%2fb", "/a..%2Fb"), ("/%25%32%65", "/%252e"),
    ])
  func table(_ path: String, _ expected: String) { #expect(matched(path) == expected) }

  @Test("a scan finds what a look at each byte finds, wherever it stands")
  func scan() {
    var random = SeededGenerator(seed: 6)
    let bytes = Array("//..?%abcdefghijklm0123-_\u{FF}".utf8)
    for _ in 0..<50_000 {
      let path =
        [0x2F]
        + (0..<Int.random(in: 0..<40, using: &random)).map { _ in
          Int.random(in: 0..<5, using: &random) == 0 ? bytes.randomElement(using: &random) ?? 0x61 : 0x61
        }
      let length = path.firstIndex(of: 0x3F) ?? path.count
      let isPlain = !path[..<length].indices.contains { i in
        path[i] == 0x25 || i > 0 && path[i - 1] == 0x2F && (path[i] == 0x2F || path[i] == 0x2E)
      }
      let found = path.withUnsafeBufferPointer { bytes in
        bytes.baseAddress.map { MatchedPath.scan($0, bytes.count) }
      }
      #expect(found?.length == length && found?.isPlain == isPlain, "\(path)")
    }
  }

  @Test("what is meant is plain or holds encoded characters only, means itself, and is never longer")
  func random() {
    var random = SeededGenerator(seed: 5)
    let pieces = ["/", "/", ".", "..", "a", "b", "%2e", "%2E", "%61", "%2f", "%00", "%", "%4", "~"]
    for _ in 0..<20_000 {
      let path =
        "/"
        + (0..<Int.random(in: 0..<12, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
        .joined()
      let once = matched(path)
      #expect(once.utf8.count <= path.utf8.count && once.hasPrefix("/"), "\(path)")
      let segments = once.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
      #expect(
        !segments.dropLast().contains("") && !segments.contains(".") && !segments.contains(".."),
        "\(path): \(once)")
      if isPlain(path) { #expect(once == path, "\(path): \(once)") }
    }
  }
}
