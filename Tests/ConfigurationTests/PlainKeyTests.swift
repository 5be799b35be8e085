import TestRun
import Testing
import Upstream

@testable import Configuration

/// The exercise: a plain key is one line in a table and one field of the settings that it is read into.
@Suite(.ownThread) struct PlainKeyTests {
  struct Kettle: Defaulted, Equatable {
    var boilTimeout: Milliseconds = 90_000
    var cups = 4
    var label: String?
  }

  private static let keys = KeyTable([
    Key("kettle", .section, .described(""), "A kettle."),
    Key(\Kettle.boilTimeout, "kettle.boil_timeout", .duration(1000...600_000, off: true), "Until it boils."),
    Key(\Kettle.cups, "kettle.cups", .integer(1...12), "How many it holds."),
    Key(\Kettle.label, "kettle.label", .text(.name), "What it is called."),
  ])

  private func read(_ text: String) throws -> (kettle: Kettle, errors: [String]) {
    let report = Report(file: "kettle.yaml", baseDirectory: "/", keys: Self.keys)
    let root = try #require(try YAMLTree(Array(text.utf8)).root)
    let kettle: Kettle = Section(root, tablePath: "", path: "", report: report).section("kettle").settings()
    return (kettle, report.hasErrors ? report.failure.errors.map(\.description) : [])
  }

  @Test("what is written comes into its field, and the field's own value stays without it")
  func values() throws {
    #expect(try read("{}").kettle == Kettle())
    let (written, errors) = try read("kettle: {boil_timeout: 5m, cups: 2, label: blue}")
    #expect(errors == [] && written == Kettle(boilTimeout: 300_000, cups: 2, label: "blue"))
    #expect(try read("kettle: {boil_timeout: off}").kettle.boilTimeout == .never)
  }

  @Test("what is wrong has its place and the nearest key, all of it at once, and stops no other key")
  func errors() throws {
    let (kettle, errors) = try read(
      "kettle:\n  boil_timeout: 1h\n  cups: many\n  label: blue\n  boil_timout: 1s\n")
    #expect(
      errors == [
        "kettle.yaml:2:17: kettle.boil_timeout: 1h is out of range; from 1s to 10m",
        "kettle.yaml:3:9: kettle.cups: \"many\" is no whole number",
        "kettle.yaml:5:3: kettle.boil_timout: unknown key; did you mean \"boil_timeout\"?",
      ])
    #expect(kettle == Kettle(label: "blue"))
    #expect(
      try read("kettle:\n  cups:\n  label: b").errors.first?
        .hasSuffix("kettle.cups: has no value; give it one or remove the key") == true)
  }

  @Test("the reference has a row for it, with its default")
  func reference() {
    let text = ConfigurationReference.sections(Self.keys)
    #expect(
      text.contains("| `boil_timeout` | duration, 1s to 10m, or `off` | `90s` | Until it boils. |\n"))
    #expect(text.contains("| `cups` | number, 1 to 12 | `4` | How many it holds. |\n"))
    #expect(text.contains("| `label` | name | none | What it is called. |\n"))
  }

  @Test("the schema has a property for it, with its default")
  func schema() {
    let text = ConfigurationSchema.text(of: Self.keys).filter { !$0.isWhitespace }
    #expect(
      text.contains(#""cups":{"description":"Howmanyitholds.","default":4,"type":"integer","minimum":1,"#))
    #expect(text.contains(#""boil_timeout":{"description":"Untilitboils.","default":"90s","type":"string","#))
  }

  @Test("every key that is read into a field has the field's name")
  func names() {
    for key in KeyTable.certd.all {
      guard let field = key.binding?.field else { continue }
      let name = "\(field)".split(separator: ".").last ?? ""
      #expect(name.lowercased() == key.name.replacing("_", with: ""), "\(key.path) is read into \(field)")
    }
  }
}
