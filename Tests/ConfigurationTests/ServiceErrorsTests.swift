import TestRun
import Testing

@testable import Configuration

@Suite("Errors of services and limits", .ownThread)
struct ServiceErrorsTests {
  static let table: [(file: String, errors: [String])] = [
    (
      "services: {a: {}}",
      [#"1:15: services.a: the key "backends" is missing"#]
    ),
    (
      "services: {a: {backends: []}}",
      [#"1:26: services.a.backends: the list is empty"#]
    ),
    (
      "services: {a b: {backends: [h:1]}}",
      [
        #"1:12: services."a b": "a b" is no name; use letters, digits, dots, hyphens and underscores, "#
          + #"at most 128"#
      ]
    ),
    (
      "services: {a: {kind: vlm, backends: [h:1]}}",
      [#"1:22: services.a.kind: "vlm" is not known; did you mean "vllm"?"#]
    ),
    (
      "services: {a: {backends: [h]}}",
      [#"1:27: services.a.backends[0]: "h" has no port; write 10.0.0.11:8000 or http://vllm:8000"#]
    ),
    (
      "services: {a: {backends: [':80']}}",
      [#"1:27: services.a.backends[0]: ":80" names no host; write 127.0.0.1:80"#]
    ),
    (
      "services: {a: {backends: ['h:0']}}",
      [#"1:27: services.a.backends[0]: "h:0" has port 0"#]
    ),
    (
      "services: {a: {backends: [ftp://h]}}",
      [#"1:27: services.a.backends[0]: "ftp://h" has an unknown scheme; write http:// or https://"#]
    ),
    (
      "services: {a: {backends: [http://h/v1]}}",
      [
        #"1:27: services.a.backends[0]: "http://h/v1" has a path; requests keep their own path; write "#
          + #"scheme, host and port"#
      ]
    ),
    (
      "services: {a: {backends: [http://me:pw@h]}}",
      [#"1:27: services.a.backends[0]: a backend cannot hold a user name or password"#]
    ),
    (
      "services: {a: {backends: [unix:vllm.sock]}}",
      [#"1:27: services.a.backends[0]: a unix backend needs an absolute path of at most 107 bytes"#]
    ),
    (
      "services: {a: {backends: [h:1, h:1]}}",
      [#"1:32: services.a.backends[1]: h:1 stands twice; use weight for a larger share"#]
    ),
    (
      "services: {a: {backends: [http://h, https://g]}}",
      [
        #"1:37: services.a.backends[1]: is https in a service that speaks http1; all backends of a "#
          + #"service speak the same"#
      ]
    ),
    (
      "services: {a: {protocol: http1, backends: [https://g]}}",
      [
        #"1:44: services.a.backends[0]: is https in a service that speaks http1; change protocol or "#
          + #"the backend"#
      ]
    ),
    (
      "services: {a: {protocol: h2d, backends: [h:1]}}",
      [#"1:26: services.a.protocol: "h2d" is not known; did you mean "h2c"?"#]
    ),
    (
      "services: {a: {backends: [{address: h:1, weight: 0}]}}",
      [#"1:50: services.a.backends[0].weight: 0 is out of range; from 1 to 1000"#]
    ),
    (
      "services: {a: {backends: [h:1], tls: {verify: false}}}",
      [
        #"1:38: services.a.tls: the backends are spoken to without TLS; set protocol: https or remove "#
          + #"tls"#
      ]
    ),
    (
      "services: {a: {backends: [h:1], policy: fastest}}",
      [
        #"1:41: services.a.policy: "fastest" is not known; write round-robin, least-request, model-aware, random, p2c, "#
          + "peak-ewma, ring-hash or maglev"
      ]
    ),
    (
      "services: {a: {backends: [h:1], health: {interval: 5}}}",
      [#"1:52: services.a.health.interval: "5" has no unit; write 5s for seconds"#]
    ),
    (
      "services: {a: {backends: [h:1], health: {interval: 5 s}}}",
      [
        #"1:52: services.a.health.interval: "5 s" has an unknown unit; write ms, s, m, h or d after "#
          + #"the number"#
      ]
    ),
    (
      "services: {a: {backends: [h:1], health: {interval: soon}}}",
      [#"1:52: services.a.health.interval: "soon" is no duration; write 500ms, 10s, 5m, 24h or 7d"#]
    ),
    (
      "services: {a: {backends: [h:1], health: {interval: 5s, timeout: 6s}}}",
      [#"1:65: services.a.health.timeout: the timeout is longer than the interval"#]
    ),
    (
      "services: {a: {backends: [h:1], health: {expect: 200}}}",
      [#"1:50: services.a.health.expect: kind http is checked by connecting only; add a path"#]
    ),
    (
      "services: {a: {backends: [h:1], health: {path: /, expect: 299-200}}}",
      [#"1:59: services.a.health.expect: "299-200" is no range of status codes; write 200 or 200-299"#]
    ),
    (
      "services: {a: {backends: [h:1], health: {path: /v1/*}}}",
      [#"1:48: services.a.health.path: "/v1/*" is a pattern; a health check asks for one path"#]
    ),
    (
      "services: {a: {backends: [h:1], timeouts: {connect: off}}}",
      [#"1:53: services.a.timeouts.connect: "off" is no duration; write 500ms, 10s, 5m, 24h or 7d"#]
    ),
    (
      "services: {a: {backends: [h:1], timeouts: {idle: 8d}}}",
      [#"1:50: services.a.timeouts.idle: 8d is out of range; from 100ms to 1d"#]
    ),
    (
      "services: {a: {backends: [h:1], retries: {budget_percent: 101}}}",
      [#"1:59: services.a.retries.budget_percent: 101 is out of range; from 0 to 100"#]
    ),
    (
      "limits: {request_head: 64}",
      [#"1:24: limits.request_head: "64" has no unit; write 64B for bytes"#]
    ),
    (
      "limits: {request_head: 64KB}",
      [
        #"1:24: limits.request_head: "64KB" has an unknown unit; write B, KiB, MiB or GiB after the "#
          + #"number"#
      ]
    ),
    (
      "limits: {request_head: 1MiB}",
      [#"1:24: limits.request_head: 1MiB is out of range; from 1KiB to 64KiB"#]
    ),
    (
      "limits: {request_head: big}",
      [#"1:24: limits.request_head: "big" is no size; write 512B, 64KiB or 1MiB"#]
    ),
    (
      "services: {a: {backends: ['[::1]']}}",
      [
        #"1:27: services.a.backends[0]: "[::1]" has no port from 0 to 65535; write 10.0.0.11:8000 or "#
          + #"http://vllm:8000"#
      ]
    ),
    (
      "services: {a: {backends: ['[::1]:x']}}",
      [
        #"1:27: services.a.backends[0]: "[::1]:x" has no port from 0 to 65535; write 10.0.0.11:8000 "#
          + #"or http://vllm:8000"#
      ]
    ),
    (
      "services: {a: {backends: [h:1], queue: {size: 5}}}",
      [
        "1:40: services.a.queue: nobody waits as long as backends take any number of requests; "
          + "set max_requests_per_backend beside it"
      ]
    ),
    (
      "services: {a: {backends: [h:1], max_requests_per_backend: 0, queue: {timeout: 0s}}}",
      [
        "1:59: services.a.max_requests_per_backend: 0 is out of range; from 1 to 1000000",
        "1:79: services.a.queue.timeout: 0s is out of range; from 10ms to 1h",
      ]
    ),
    (
      "services: {a: {protocol: tcp, backends: [h:1], max_requests_per_backend: 2}}",
      [
        "1:74: services.a.max_requests_per_backend: speaks of HTTP in a service that speaks tcp; remove it"
      ]
    ),
    (
      "services: {a: {backends: [h:1], max_connections: 0}}",
      [#"1:50: services.a.max_connections: 0 is out of range; from 1 to 1000000"#]
    ),
    (
      "services: {a: {backends: [h:1], health: {path: ''}}}",
      [#"1:48: services.a.health.path: "" does not start with /; write /v1/* for all below /v1/"#]
    ),
    (
      "services: {a: {backends: [a_b..c:1]}}",
      [#"1:27: services.a.backends[0]: "a_b..c" is no host name"#]
    ),
    (
      "services: {a: {backends: [h:1], tls: {server_name: '*.x'}}}",
      [
        #"1:38: services.a.tls: the backends are spoken to without TLS; set protocol: https or remove "#
          + #"tls"#,
        #"1:52: services.a.tls.server_name: "*.x" is no host name"#,
      ]
    ),
  ]

  @Test("the error says where, what and what to write instead", arguments: table.indices)
  func told(index: Int) {
    let row = Self.table[index]
    #expect(errors(row.file) == row.errors.map { "certd.yaml:\($0)" })
  }
}
