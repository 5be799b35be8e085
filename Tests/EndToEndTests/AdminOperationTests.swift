import EndToEnd
import JSON
import OS
import TestRun
import Testing

@testable import certd

/// The table of the admin API against its document.
@Suite(.ownThread) struct AdminOperationTests {
  @Test("the document has every operation and no other")
  func complete() {
    var listed: Set<String> = []
    for (path, operations) in AdminDocument.value["paths"]?.members ?? [:] {
      for method in operations.members.keys where method != "parameters" {
        listed.insert("\(method.uppercased()) \(path)")
      }
    }
    #expect(listed == Set(AdminOperation.all.map { "\($0.method) \($0.path)" }))
  }

  @Test("docs/openapi.json is the document that the daemon answers with")
  func written() throws {
    let file = "\(Place.package)/docs/openapi.json"
    let made = AdminDocument.value.indentedText + "\n"
    if Subprocess.inheritedEnvironment()["CERTD_WRITE_DOCS"] == "1" {
      try FileSystem().publish(file, Array(made.utf8), mode: 0o644)
    }
    let committed = try FileSystem().read(file, limitInBytes: 1 << 20)
    #expect(
      String(decoding: committed, as: UTF8.self) == made,
      "run CERTD_WRITE_DOCS=1 swift test --filter AdminOperationTests")
  }

  @Test("every schema that is referred to is there")
  func references() {
    func references(_ value: JSONValue) -> [String] {
      (value["$ref"]?.string).map { [$0] } ?? (value.elements + value.members.values).flatMap(references)
    }
    let schemas = AdminDocument.value["components"]?["schemas"]?.members ?? [:]
    for one in references(AdminDocument.value) {
      #expect(schemas[String(one.dropFirst("#/components/schemas/".count))] != nil, "\(one)")
    }
  }

  @Test("parts of a path are told apart before they are decoded")
  func arguments() throws {
    let drain = try #require(
      AdminOperation.all.first { $0.path.hasSuffix("/drain") && $0.path.hasPrefix("/backends") })
    #expect(drain.arguments("/backends/chat/unix%3A%2Frun%2Fa.sock/drain") == ["chat", "unix:/run/a.sock"])
    #expect(drain.arguments("/backends/chat//drain") == nil)
    #expect(drain.arguments("/backends/chat/a/b/drain") == nil)
    #expect(drain.arguments("/backends/chat/%zz/drain") == nil)
    #expect(PercentText.encode("unix:/run/a b") == "unix:%2Frun%2Fa%20b")
  }

  @Test("YAML has blocks of members and elements, and texts in quotes")
  func yaml() {
    let value: JSONValue = ["a": [1, ["b": "x\ny", "c": []]], "d": [:]]
    #expect(value.yaml == "a:\n  - 1\n  - b: \"x\\ny\"\n    c: []\nd: {}")
  }
}
