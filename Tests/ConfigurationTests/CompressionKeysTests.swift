import TestRun
import Proxy
import Testing

@testable import Configuration

@Suite("Compression's keys", .ownThread)
struct CompressionKeysTests {
  private func read(_ compression: String) throws -> Settings.Compression? {
    let text = """
      acme: {issuers: [local]}
      routes: [{service: a}]
      services: {a: {backends: [h:1]\(compression)}}
      """
    return try configuration(text).services[0].rules.compression
  }

  @Test("it is off, on with defaults, or a section")
  func reading() throws {
    let usual = Settings.Compression()
    #expect(try read("") == nil)
    #expect(try read(", compression: false") == nil)
    #expect(try read(", compression: true") == usual)
    #expect(try read(", compression: {}") == usual)
    let written = try read(
      ", compression: {types: [Text/*, application/x+json], minimum_size: 4KiB, level: 9}")
    #expect(written?.types == ["text/*", "application/x+json"])
    #expect(written?.minimumSize == 4096 && written?.level == 9)
  }

  static let table: [(file: String, error: String)] = [
    (
      "services: {a: {backends: [h:1], compression: gzip}}",
      "1:46: services.a.compression: expected a section with keys, found a single value"
    ),
    (
      "services: {a: {backends: [h:1], compression: {types: [json]}}}",
      #"1:55: services.a.compression.types[0]: "json" is no media type; write application/json, or text/* for "#
        + "all of a kind"
    ),
    (
      "services: {a: {backends: [h:1], compression: {types: ['*/*']}}}",
      #"1:55: services.a.compression.types[0]: "*/*" is no media type; write application/json, or text/* for "#
        + "all of a kind"
    ),
    (
      "services: {a: {backends: [h:1], compression: {level: 10}}}",
      "1:54: services.a.compression.level: 10 is out of range; from 1 to 9"
    ),
    (
      "services: {a: {backends: [h:1], protocol: tcp, compression: true}}",
      "1:61: services.a.compression: speaks of HTTP in a service that speaks tcp; remove it"
    ),
  ]

  @Test("the error says where, what and what to write instead", arguments: table.indices)
  func told(index: Int) {
    #expect(errors(Self.table[index].file) == ["certd.yaml:\(Self.table[index].error)"])
  }
}
