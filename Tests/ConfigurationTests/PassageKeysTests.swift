import TestRun
import Proxy
import Testing
import Upstream

@testable import Configuration

@Suite("Services that are passed on in TCP", .ownThread)
struct PassageKeysTests {
  static let head = "listeners: [{address: ':443'}]\nacme: {issuers: [local]}\n"

  @Test("protocol, idle limit and health are read")
  func reading() throws {
    let made = try configuration(
      Self.head + """
        routes: [{hosts: [db.example.com], service: db}, {hosts: [m.example.com], service: mq}]
        services:
          db: {protocol: tcp, backends: ["[::1]:5432", unix:/run/db.sock]}
          mq: {protocol: tls, backends: [h:1], tls: {verify: false}, timeouts: {idle: 10m}}
        """)
    #expect(made.services.map(\.protocol) == [.tcp, .tls])
    #expect(made.services.map(\.rules.tunnelIdle) == [made.limits.upgradeIdleTimeout, 600_000])
    #expect(made.services.map { $0.health?.probe } == [.connect, .connect])
  }

  static let table: [(file: String, errors: [String])] = [
    (
      "routes: [{hosts: [a.test], paths: [/v1/*], service: db}]\nservices: {db: {protocol: tcp, backends: [h:1]}}",
      ["3:36: routes[0].paths[0]: a route to a service that speaks tcp has no paths; remove paths"]
    ),
    (
      "routes: [{hosts: [a.test], service: db, headers: {request: {remove: [X]}}}]\n"
        + "services: {db: {protocol: tls, backends: [h:1]}}",
      ["3:10: routes[0]: a route to a service that speaks tls has no headers; remove headers"]
    ),
    (
      "routes: [{hosts: [a.test], service: db}, {hosts: [a.test], paths: [/v1/*], service: h}]\n"
        + "services: {db: {protocol: tcp, backends: [h:1]}, h: {backends: [h:2]}}",
      [
        "3:19: routes[0].hosts[0]: a.test is routed to HTTP by routes[1] as well; a host leads to HTTP or to tcp"
      ]
    ),
    (
      "services: {db: {protocol: tcp, kind: vllm, health: {path: /}, timeouts: {first_byte: 1s}, backends: [h:1]}}",
      [
        "3:38: services.db.kind: speaks of HTTP in a service that speaks tcp; remove it",
        "3:59: services.db.health.path: speaks of HTTP in a service that speaks tcp; remove it",
        "3:86: services.db.timeouts.first_byte: speaks of HTTP in a service that speaks tcp; remove it",
      ]
    ),
    (
      "services: {db: {protocol: tcp, backends: [http://h]}}",
      [
        "3:43: services.db.backends[0]: is http1 in a service that speaks tcp; change protocol or the backend"
      ]
    ),
    (
      "services: {db: {protocol: tcp, tls: {verify: false}, backends: [h:1]}}",
      ["3:37: services.db.tls: the backends are spoken to without TLS; set protocol: tls or remove tls"]
    ),
  ]

  @Test("the error says where, what and what to write instead", arguments: table.indices)
  func told(index: Int) {
    #expect(errors(Self.head + Self.table[index].file) == Self.table[index].errors.map { "certd.yaml:\($0)" })
  }

  @Test("without a TLS listener nobody could reach such a service")
  func listener() {
    let text = """
      listeners: [{address: ':80', tls: off}]
      routes: [{hosts: [a.test], service: db}]
      services: {db: {protocol: tcp, backends: [h:1]}}
      """
    #expect(
      errors(text) == [
        "certd.yaml:3:12: services.db: there is no TLS listener whose clients could reach it; add one"
      ])
  }
}
