import Glibc
import TestRun
import Testing

@testable import Configuration

@Suite("Generated files", .ownThread)
struct GeneratedFilesTests {
  static let reference = ConfigurationReference.text()
  static let schema = ConfigurationSchema.text()
  static let docs = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined() + "/docs"

  @Test(
    "the committed reference and schema are what the table says",
    arguments: ["configuration.md", "certd.schema.json"])
  func committed(name: String) throws {
    let text = name.hasSuffix(".md") ? ConfigurationReference.text() : ConfigurationSchema.text()
    let path = "\(Self.docs)/\(name)"
    if getenv("CERTD_WRITE_DOCS") != nil {
      let file = try #require(fopen(path, "w"))
      fputs(text, file)
      fclose(file)
    }
    let file = try #require(fopen(path, "r"), "\(path) is missing; run the tests with CERTD_WRITE_DOCS=1")
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    #expect(
      String(decoding: bytes[..<count], as: UTF8.self) == text,
      "\(name) is out of date; run the tests with CERTD_WRITE_DOCS=1")
  }

  @Test(
    "every key of the table stands in the reference and in the schema",
    arguments: KeyTable.certd.all.map(\.path))
  func everyKey(path: String) throws {
    let key = try #require(KeyTable.certd.all.first { $0.path == path })
    #expect(Self.reference.contains("| `\(key.name)` |"))
    #expect(Self.reference.contains(key.summary))
    #expect(Self.schema.contains("\"\(key.name)\": {"))
    #expect(!key.summary.isEmpty && key.summary.hasSuffix("."))
  }

  @Test("no path stands twice in the table, and each stands in a section of it")
  func pathsAreSound() {
    let paths = KeyTable.certd.all.map(\.path)
    #expect(Set(paths).count == paths.count)
    for key in KeyTable.certd.all where !key.parent.isEmpty {
      var parent = key.parent
      if parent.hasSuffix("[]") { parent.removeLast(2) }
      if parent.hasSuffix(".*") { parent.removeLast(2) }
      #expect(KeyTable.certd.all.contains { $0.path == parent }, "\(key.path) has no section")
    }
  }
}
