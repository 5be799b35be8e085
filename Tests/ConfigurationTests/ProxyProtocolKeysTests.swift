import TestRun
import Proxy
import Testing

@testable import Configuration

@Suite("The PROXY protocol's keys", .ownThread)
struct ProxyProtocolKeysTests {
  @Test("trusted peers and the header for backends are read")
  func reading() throws {
    let made = try configuration(
      """
      listeners:
        - {address: ":443", proxy_protocol: {trusted: [10.0.0.0/8, "2001:db8::1"]}}
        - {address: ":80", redirect: https}
      routes: [{service: a}, {service: b, hosts: [b.example.com]}]
      services:
        a: {backends: [h:1], send_proxy: v2}
        b: {backends: [h:1]}
      acme: {agree_tos: true}
      """)
    #expect(
      made.listeners.map { $0.proxyProtocolFrom.map(\.prefixLength) } == [
        [8, 128], [],
      ])
    #expect(made.services.map(\.sendProxy) == [.v2, nil])
  }

  static let table: [(file: String, error: String)] = [
    (
      "listeners: [{address: ':443', proxy_protocol: {}}]",
      #"1:47: listeners[0].proxy_protocol: the key "trusted" is missing"#
    ),
    (
      "listeners: [{address: ':443', proxy_protocol: {trusted: []}}]",
      "1:57: listeners[0].proxy_protocol.trusted: the list is empty"
    ),
    (
      "listeners: [{address: ':443', proxy_protocol: {trusted: [10.0.0.1/8]}}]",
      #"1:58: listeners[0].proxy_protocol.trusted[0]: "10.0.0.1/8" has bits set after its first 8"#
    ),
    (
      "listeners: [{address: ':443', proxy_protocol: {trusted: 10.0.0.0/8}}]",
      "1:57: listeners[0].proxy_protocol.trusted: expected a list, found a single value; write it in brackets: [value]"
    ),
    (
      "services: {a: {backends: [h:1], send_proxy: v3}}",
      #"1:45: services.a.send_proxy: "v3" is not known; did you mean "v1"?"#
    ),
  ]

  @Test("the error says where, what and what to write instead", arguments: table.indices)
  func told(index: Int) {
    #expect(errors(Self.table[index].file) == ["certd.yaml:\(Self.table[index].error)"])
  }
}
