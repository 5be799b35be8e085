import Configuration
import TestRun
import Telemetry
import Testing

@Suite("Included files", .ownThread) struct IncludeTests {
  private static let main = """
    include: [a.yaml, "conf.d/*.yaml"]
    routes: [{hosts: [one.example], service: one}]
    services: {one: {backends: [h:1]}}
    acme: {issuers: [local]}
    """

  private func read(_ files: [String: String], _ main: String = main) -> Result<
    Configuration, ConfigurationErrors
  > {
    let includes = Includes { pattern throws(Variables.Unreadable) in
      guard pattern.hasSuffix("*.yaml") else {
        guard let text = files[pattern] else { throw Variables.Unreadable("no such file") }
        return [.init(name: pattern, bytes: Array(text.utf8))]
      }
      return files.filter { $0.key.hasPrefix(pattern.dropLast(6)) }.sorted { $0.key < $1.key }.map {
        .init(name: $0.key, bytes: Array($0.value.utf8))
      }
    }
    do throws(ConfigurationErrors) {
      return .success(
        try Configuration.read(
          Array(main.utf8), file: "certd.yaml", baseDirectory: "/etc", includes: includes
        ).configuration)
    } catch { return .failure(error) }
  }

  private func errors(_ files: [String: String], _ main: String = main) -> [String] {
    if case .failure(let error) = read(files, main) { error.errors.map(\.description) } else { [] }
  }

  @Test("lists and sections of the top are joined in the order of the files")
  func joined() throws {
    let configuration = try read([
      "/etc/a.yaml": "# nothing\n",
      "/etc/conf.d/2.yaml": "\u{FEFF}routes: [{hosts: [three.example], service: one}]\nlog: {level: debug}\n",
      "/etc/conf.d/1.yaml":
        "routes: [{hosts: [two.example], service: two}]\nservices: {two: {backends: [h:2]}}\n",
    ]).get()
    #expect(
      configuration.routes.flatMap(\.hosts).map(\.value.description) == [
        "one.example", "two.example", "three.example",
      ])
    #expect(configuration.services.map(\.name) == ["one", "two"])
    #expect(configuration.log.level == .debug)
  }

  @Test(
    "each error has its own file and line",
    arguments: [
      (
        "routes: [{hosts: [two.example], service: tow}]",
        ["/etc/a.yaml:1:42: routes[1].service: there is no service \"tow\""]
      ),
      ("\nlog: {levle: info}", ["/etc/a.yaml:2:7: log.levle: unknown key; did you mean \"level\"?"]),
      (
        "services: {one: {backends: [h:3]}}",
        ["/etc/a.yaml:1:12: services.one: the key stands twice; the first is in certd.yaml:3"]
      ),
      ("routes: {a: b}", ["/etc/a.yaml:1:1: routes: the key stands twice; the first is in certd.yaml:2"]),
      (
        "- a",
        [
          "/etc/a.yaml:1:1: expected a section with keys, found a list; an included file has keys of the top, such as routes"
        ]
      ),
      ("a: [", ["/etc/a.yaml:2:1: "]),
      (
        "include: b.yaml",
        ["/etc/a.yaml:1:1: include: an included file includes no others; name it in certd.yaml"]
      ),
      ("a: &x b", ["/etc/a.yaml:1:4: anchors (&name) are not accepted; write the value out"]),
    ])
  func places(_ text: String, _ expected: [String]) {
    let found = errors(["/etc/a.yaml": text])
    #expect(found.count == expected.count, "\(found)")
    for (error, start) in zip(found, expected) { #expect(error.hasPrefix(start), "\(error)") }
  }

  @Test(
    "what cannot be included is told where it is named",
    arguments: [
      (
        "include: b.yaml",
        ["certd.yaml:1:10: include: \"b.yaml\" cannot be read: no such file; name files that are there"]
      ),
      (
        "include: {a: b}",
        ["certd.yaml:1:10: include: expected a file or a pattern of files, found a section"]
      ),
      (
        "include: [[a]]", ["certd.yaml:1:11: include[0]: expected a file or a pattern of files, found a list"]
      ),
      ("include:", ["certd.yaml:1:9: include: expected a file or a pattern of files, found nothing"]),
    ])
  func unusable(_ line: String, _ expected: [String]) {
    #expect(errors([:], line + "\nservices: {one: {backends: [h:1]}}\nroutes: [{service: one}]") == expected)
  }
}
