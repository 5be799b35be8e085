import TestRun
import Testing

@testable import Configuration

@Suite("Errors of the file's shape", .ownThread)
struct ShapeErrorsTests {
  static let table: [(file: String, errors: [String])] = [
    (
      "x: 1",
      [#"1:1: x: unknown key"#]
    ),
    (
      "stroe: /a",
      [#"1:1: stroe: unknown key; did you mean "store"?"#]
    ),
    (
      "email: a@example.com",
      [#"1:1: email: unknown key; it belongs in "acme""#]
    ),
    (
      "acme: {store: /a}",
      [#"1:8: acme.store: unknown key; it belongs at the top of the file"#]
    ),
    (
      "listeners:\n  - address: \":443\"\n    tsl: modern",
      [#"3:5: listeners[0].tsl: unknown key; did you mean "tls"?"#]
    ),
    (
      "health: {}",
      [#"1:1: health: unknown key; it belongs in "services.NAME""#]
    ),
    (
      "\"a\\nb\": 1",
      [#"1:1: "a\nb": unknown key"#]
    ),
    (
      "store: /a\nstore: /b",
      [#"2:1: store: the key stands twice; the first is in line 1"#]
    ),
    (
      "store:",
      [#"1:7: store: has no value; give it one or remove the key"#]
    ),
    (
      "acme:",
      [#"1:6: acme: expected a section with keys, found nothing; give it keys or remove it"#]
    ),
    (
      "acme: []",
      [#"1:7: acme: expected a section with keys, found a list"#]
    ),
    (
      "store: [a]",
      [#"1:8: store: expected a single value, found a list"#]
    ),
    (
      "listeners: {}",
      [#"1:12: listeners: expected a list, found a section"#]
    ),
    (
      "trusted_proxies: 10.0.0.0/8",
      [#"1:18: trusted_proxies: expected a list, found a single value; write it in brackets: [value]"#]
    ),
    (
      "- a",
      [#"1:1: expected a section with keys, found a list"#]
    ),
    (
      "services: [a]",
      [#"1:11: services: expected a section with keys, found a list"#]
    ),
    (
      "a: &x 1",
      [#"1:4: anchors (&name) are not accepted; write the value out"#]
    ),
    (
      "a: *x",
      [#"1:4: aliases (*name) are not accepted; write the value out, or put quotes around it: "*""#]
    ),
    (
      "a: !!str 1",
      [#"1:4: tags (!name) are not accepted; remove the tag"#]
    ),
    (
      "a: 1\n---\nb: 1",
      [#"2:1: a second document starts here; a configuration is one document; remove the line "---""#]
    ),
    (
      "[a]: 1",
      [#"1:1: a key must be a plain word"#]
    ),
    (
      "acme:\n\temail: a",
      [#"2:1: a tab stands where YAML wants spaces; indent with spaces"#]
    ),
    (
      "acme: [",
      [#"2:1: malformed YAML: did not find expected node content"#]
    ),
    (
      "a: b: c",
      [#"1:5: malformed YAML: mapping values are not allowed in this context"#]
    ),
    (
      "acme:\n  email: a@b.example\n agree_tos: true",
      [
        #"3:2: malformed YAML: did not find expected key (while parsing a block mapping that starts "#
          + #"in line 1)"#
      ]
    ),
    (
      "a: \"x",
      [#"1:6: malformed YAML: found unexpected end of stream"#]
    ),
    (
      "workers: 0",
      [#"1:10: workers: 0 is out of range; from 1 to 1024"#]
    ),
    (
      "workers: many",
      [#"1:10: workers: "many" is neither a number nor auto"#]
    ),
    (
      "workers: 99999999999999999999",
      [#"1:10: workers: "99999999999999999999" is neither a number nor auto"#]
    ),
    (
      "log: {level: inof}",
      [#"1:14: log.level: "inof" is not known; did you mean "info"?"#]
    ),
    (
      "log: {level: loud}",
      [#"1:14: log.level: "loud" is not known; write debug, info, warn or error"#]
    ),
    (
      "log: {access: logs/}",
      [#"1:15: log.access: is a directory; name a file"#]
    ),
    (
      "store: \"a\\0b\"",
      [#"1:8: store: the text holds a control character"#]
    ),
    (
      "gcp: {project: Q}",
      [#"1:16: gcp.project: "Q" is no project identifier; write it as 'gcloud projects list' shows it"#]
    ),
    (
      "gcp: {projcet: p}",
      [
        #"1:6: gcp: the key "project" is missing"#,
        #"1:7: gcp.projcet: unknown key; did you mean "project"?"#,
      ]
    ),
    (
      "routes: [{service: x}]\nworkers: 0",
      [
        #"1:20: routes[0].service: there is no service "x"; describe it under services"#,
        #"2:10: workers: 0 is out of range; from 1 to 1024"#,
      ]
    ),
    (
      "a: 1\nb: 2\nacme: {emial: x}\nstroe: y",
      [
        #"1:1: a: unknown key"#,
        #"2:1: b: unknown key"#,
        #"3:8: acme.emial: unknown key; did you mean "email"?"#,
        #"4:1: stroe: unknown key; did you mean "store"?"#,
      ]
    ),
  ]

  @Test("the error says where, what and what to write instead", arguments: table.indices)
  func told(index: Int) {
    let row = Self.table[index]
    #expect(errors(row.file) == row.errors.map { "certd.yaml:\($0)" })
  }
}
