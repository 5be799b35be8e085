import JSON
import TestRun
import Testing

@testable import certd

@Suite("EndpointSlices", .ownThread) struct EndpointSliceTests {
  static func slice(
    _ name: String, _ endpoints: String, version: Int = 7, ports: String = #"[{"name":"http","port":8000}]"#
  ) -> String {
    #"{"metadata":{"name":"\#(name)","resourceVersion":"\#(version)"},"addressType":"IPv4","endpoints":[\#(endpoints)],"#
      + #""ports":\#(ports)}"#
  }

  static func list(_ slices: String..., version: Int = 5) -> String {
    #"{"kind":"EndpointSliceList","metadata":{"resourceVersion":"\#(version)"},"items":[\#(slices.joined(separator: ","))]}"#
  }

  static func endpoint(_ address: String, _ conditions: String = #"{"ready":true}"#, more: String = "")
    -> String
  {
    #"{"addresses":["\#(address)"],"conditions":\#(conditions)\#(more)}"#
  }

  private func parsed(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

  private func hosts(_ list: String, port: String? = nil) throws -> [String] {
    try EndpointSlices(list: parsed(list)).endpoints(port: port).map { "\($0.host):\($0.port)" }
  }

  @Test(
    "ready ones count, without a word too; those that end and serve count where there are no others",
    arguments: [
      (["{\"ready\":true}", "{\"ready\":false}"], ["10.0.0.1:8000"]),
      (["{}", "{\"ready\":false,\"serving\":true,\"terminating\":true}"], ["10.0.0.1:8000"]),
      (
        ["{\"ready\":false}", "{\"ready\":false,\"serving\":true,\"terminating\":true}"],
        ["10.0.0.2:8000"]
      ),
      (["{\"ready\":false,\"serving\":false,\"terminating\":true}", "{\"ready\":false}"], []),
    ] as [([String], [String])])
  func conditions(_ conditions: [String], _ expected: [String]) throws {
    let endpoints = conditions.enumerated().map { Self.endpoint("10.0.0.\($0 + 1)", $1) }
    #expect(try hosts(Self.list(Self.slice("a", endpoints.joined(separator: ",")))) == expected)
  }

  @Test("a port is a number, a name, or the only one")
  func ports() throws {
    let two =
      #"[{"name":"http","port":8000},{"name":"metrics","port":9000},{"name":"dns","port":53,"protocol":"UDP"}]"#
    let list = Self.list(Self.slice("a", Self.endpoint("10.0.0.1"), ports: two))
    #expect(try hosts(list).isEmpty)
    #expect(try hosts(list, port: "metrics") == ["10.0.0.1:9000"])
    #expect(try hosts(list, port: "7000") == ["10.0.0.1:7000"])
    #expect(try hosts(list, port: "dns").isEmpty)
  }

  @Test("events add, change and take away; a bookmark moves on; 410 has everything listed again")
  func events() throws {
    var slices = try EndpointSlices(list: parsed(Self.list(Self.slice("a", Self.endpoint("10.0.0.1")))))
    #expect(slices.version == "5")
    func apply(_ type: String, _ object: String) throws -> EndpointSlices.Change {
      try slices.apply(parsed(#"{"type":"\#(type)","object":\#(object)}"#))
    }
    #expect(try apply("ADDED", Self.slice("b", Self.endpoint("10.0.0.2"), version: 8)) == .changed)
    #expect(slices.endpoints(port: nil).map(\.host) == ["10.0.0.1", "10.0.0.2"] && slices.version == "8")
    #expect(try apply("MODIFIED", Self.slice("a", Self.endpoint("10.0.0.3"), version: 9)) == .changed)
    #expect(slices.endpoints(port: nil).map(\.host) == ["10.0.0.3", "10.0.0.2"])
    #expect(try apply("DELETED", Self.slice("b", "", version: 10)) == .changed)
    #expect(slices.endpoints(port: nil).map(\.host) == ["10.0.0.3"])
    #expect(try apply("BOOKMARK", #"{"metadata":{"resourceVersion":"99"}}"#) == .bookmark)
    #expect(slices.version == "99")
    #expect(try apply("ERROR", #"{"code":410,"message":"too old"}"#) == .gone)
    #expect(try apply("ERROR", #"{"code":500,"message":"broken"}"#) == .refused("broken"))
    #expect(throws: EndpointSlices.Unusable.self) { try apply("OTHER", Self.slice("a", "")) }
    #expect(throws: EndpointSlices.Unusable.self) { try EndpointSlices(list: parsed("{}")) }
  }

  @Test("a hint of a zone goes before the endpoint's own")
  func zones() throws {
    let endpoints = [
      Self.endpoint("10.0.0.1", more: #","zone":"a","hints":{"forZones":[{"name":"b"}]}"#),
      Self.endpoint("10.0.0.2", more: #","zone":"a""#), Self.endpoint("10.0.0.3"),
    ]
    let slices = try EndpointSlices(
      list: parsed(Self.list(Self.slice("s", endpoints.joined(separator: ",")))))
    #expect(slices.endpoints(port: nil).map(\.zone) == ["b", "a", nil])
  }

  @Test("lines come out of pieces, however they are cut")
  func lines() {
    let text = Array("one\n\ntwo\nthree".utf8)
    for cut in 0...text.count {
      var buffer = LineBuffer(maximumBytes: 100)
      let found = buffer.take(Array(text[..<cut])) + buffer.take(Array(text[cut...])) + buffer.take([0x0A])
      #expect(found.map { String(decoding: $0, as: UTF8.self) } == ["one", "two", "three"])
    }
    var short = LineBuffer(maximumBytes: 3)
    _ = short.take(Array("long".utf8))
    #expect(short.isTooLong)
  }
}
