import TestRun
import Testing

@testable import Configuration

@Suite("Hostile input", .ownThread)
struct HostileInputTests {
  /// Reads bytes; all that counts is that it returns.
  private func survive(_ bytes: [UInt8]) -> Bool {
    do throws(ConfigurationErrors) {
      _ = try Configuration.read(bytes, file: "f", baseDirectory: "/")
      return true
    } catch { return !error.errors.isEmpty && error.errors.count <= ConfigurationErrors.maximumCount }
  }

  @Test("every truncation of a good file is answered")
  func truncations() {
    let bytes = Array(fullExample.utf8)
    for end in Tier.points(bytes.count, each: 6) { #expect(survive(Array(bytes[..<end])), "cut at \(end)") }
  }

  @Test(
    "a good file with any byte replaced is answered",
    arguments: [0, 0x09, 0x0A, 0x21, 0x22, 0x26, 0x2A, 0x3A, 0x5B, 0x7B, 0x7F, 0x80, 0xC3, 0xFF] as [UInt8])
  func mutations(byte: UInt8) {
    let bytes = Array(fullExample.utf8)
    for index in Tier.points(bytes.count, each: 42, shift: Int(byte)) where index % 7 == 0 || !Tier.isAll {
      var changed = bytes
      changed[index] = byte
      #expect(survive(changed), "byte \(byte) at \(index)")
    }
  }

  @Test("every value of a good file may be replaced by another kind of value")
  func replacedValues() throws {
    let root = try #require(try YAMLTree(Array(fullExample.utf8)).root)
    let strange: [YAMLNode.Content] = [
      .scalar("", plain: true), .scalar("-1", plain: true), .scalar("9223372036854775808", plain: true),
      .scalar("\u{0}\u{1B}[31m", plain: false), .sequence([]), .mapping([]),
      .sequence([YAMLNode(content: .sequence([]), position: .none)]),
      .mapping([
        YAMLNode.Entry(
          key: "", position: .none, value: YAMLNode(content: .scalar("x", plain: true), position: .none))
      ]),
    ]
    for content in strange {
      for index in Tier.points(count(of: root), each: 6) {
        var remaining = index
        let changed = replace(root, &remaining, content)
        _ = try? Configuration.read(changed, Report(file: "f", baseDirectory: "/"))
      }
    }
  }

  private func count(of node: YAMLNode) -> Int {
    switch node.content {
    case .scalar: 1
    case .sequence(let items): items.reduce(1) { $0 + count(of: $1) }
    case .mapping(let entries): entries.reduce(1) { $0 + count(of: $1.value) }
    }
  }

  private func replace(_ node: YAMLNode, _ index: inout Int, _ content: YAMLNode.Content) -> YAMLNode {
    index -= 1
    if index == -1 { return YAMLNode(content: content, position: node.position) }
    switch node.content {
    case .scalar: return node
    case .sequence(let items):
      return YAMLNode(
        content: .sequence(items.map { replace($0, &index, content) }), position: node.position)
    case .mapping(let entries):
      let changed = entries.map {
        YAMLNode.Entry(key: $0.key, position: $0.position, value: replace($0.value, &index, content))
      }
      return YAMLNode(content: .mapping(changed), position: node.position)
    }
  }

  @Test(
    "what is too large, too deep or too much is refused by its place",
    arguments: [
      ("#", (16 << 20) + 1, "1:1: the file is larger than 16777216 bytes"),
      ("[", 40, "1:34: nested more than 32 levels deep"),
      ("- 1\n", 1_060_000, "1048576:3: more than 1048576 values"),
      ("a", 20_000, "1:1: a text is longer than 16384 bytes"),
    ])
  func limits(piece: String, count: Int, error: String) {
    #expect(errors(String(repeating: piece, count: count)) == ["certd.yaml:\(error)"])
  }

  @Test("deep nesting costs no more than its limit")
  func deepNesting() {
    #expect(survive([UInt8](repeating: 0x5B, count: 1 << 20)))
    #expect(survive([UInt8](repeating: 0x7B, count: 1 << 20)))
    #expect(survive(Array(String(repeating: "- ", count: 500_000).utf8)))
  }

  @Test("bytes that are no UTF-8 are told by line and column")
  func notUTF8() {
    #expect(throws: ConfigurationErrors.self) {
      _ = try Configuration.read(Array("a: 1\nb: é".utf8) + [0xFF], file: "f", baseDirectory: "/")
    }
    do throws(ConfigurationErrors) {
      _ = try Configuration.read(Array("a: 1\nb: é".utf8) + [0xFF], file: "f", baseDirectory: "/")
    } catch {
      #expect(error.description == "f:2:5: not UTF-8 text: invalid leading UTF-8 octet")
    }
  }

  @Test("more errors than anybody reads are counted, not told")
  func manyErrors() {
    let text = (0..<80).map { "k\($0): 1" }.joined(separator: "\n")
    #expect(errors(text).count == 51)
    #expect(errors(text).last == "and 30 more")
  }

  @Test("all errors of a file come in the order of its lines")
  func order() {
    let text = "workers: 0\nlog: {level: x}\nroutes: [{service: a}]\nstroe: 1"
    #expect(errors(text).map { $0.split(separator: ":")[1] } == ["1", "2", "3", "4"])
  }
}
