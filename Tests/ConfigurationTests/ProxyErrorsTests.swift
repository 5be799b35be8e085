import TestRun
import Testing

@testable import Configuration

@Suite("Errors of listeners and routes", .ownThread)
struct ProxyErrorsTests {
  static let table: [(file: String, errors: [String])] = [
    (
      "listeners: [{tls: modern}]",
      [#"1:13: listeners[0]: the key "address" is missing"#]
    ),
    (
      "listeners: [{address: 443}]",
      [#"1:23: listeners[0].address: "443" is a port alone; write :443"#]
    ),
    (
      "listeners: [{address: ':70000'}]",
      [
        #"1:23: listeners[0].address: ":70000" has no port from 0 to 65535; write :443, "#
          + #"127.0.0.1:8443 or [::1]:443"#
      ]
    ),
    (
      "listeners: [{address: 'localhost:443'}]",
      [
        #"1:23: listeners[0].address: "localhost:443" names a host; a listener needs an address; "#
          + #"write 127.0.0.1:443 or [::1]:443"#
      ]
    ),
    (
      "listeners: [{address: '::1:443'}]",
      [
        #"1:23: listeners[0].address: "::1:443" is ambiguous; put an IPv6 address in brackets: "#
          + #"[::1]:443"#
      ]
    ),
    (
      "listeners: [{address: '[::g]:443'}]",
      [#"1:23: listeners[0].address: "[::g]:443" holds no IPv6 address in its brackets"#]
    ),
    (
      "listeners: [{address: ':443'}, {address: '*:443'}]",
      [#"1:42: listeners[1].address: :443 is already taken by listeners[0]"#]
    ),
    (
      "listeners: [{address: ':80', redirect: https}]",
      [#"1:13: listeners[0]: there is no TLS listener to redirect to; add one, or remove redirect"#]
    ),
    (
      "listeners: [{address: ':80', redirect: https, tls: modern}]",
      [
        #"1:52: listeners[0].tls: a listener that redirects to HTTPS cannot speak TLS itself; remove "#
          + #"tls or redirect"#
      ]
    ),
    (
      "trusted_proxies: [10.0.0.1/8]",
      [#"1:19: trusted_proxies[0]: "10.0.0.1/8" has bits set after its first 8"#]
    ),
    (
      "trusted_proxies: [10.0.0.0/33]",
      [#"1:19: trusted_proxies[0]: "10.0.0.0/33" has no prefix length from 0 to 32"#]
    ),
    (
      "trusted_proxies: [proxies]",
      [
        #"1:19: trusted_proxies[0]: "proxies" is no address range; write 10.0.0.0/8, 2001:db8::/32 or "#
          + #"one address"#
      ]
    ),
    (
      "headers: {request: {set: {Connection: close}}}",
      [
        #"1:27: headers.request.set.Connection: "Connection" belongs to the connection and cannot be "#
          + #"changed here"#
      ]
    ),
    (
      "headers: {request: {set: {'X Y': a}}}",
      [#"1:27: headers.request.set."X Y": "X Y" is no field name (RFC 9110 §5.1)"#]
    ),
    (
      "headers: {request: {set: {X-Key: \"s3cret\\r\\nEvil: 1\"}}}",
      [#"1:27: headers.request.set.X-Key: the value holds a control character (RFC 9110 §5.5)"#]
    ),
    (
      "headers: {request: {set: {X-Key: ' s3cret'}}}",
      [#"1:27: headers.request.set.X-Key: the value starts or ends with white space"#]
    ),
    (
      "headers: {request: {set: {X-A: '1', x-a: '2'}}}",
      [#"1:37: headers.request.set.x-a: the field stands twice; names differ in more than their case"#]
    ),
    (
      "headers: {response: {remove: [Content-Length]}}",
      [
        #"1:31: headers.response.remove[0]: "Content-Length" belongs to the connection and cannot be "#
          + #"changed here"#
      ]
    ),
    (
      "routes: [{hosts: [a.example.org]}]",
      [#"1:10: routes[0]: the key "service" is missing"#]
    ),
    (
      "routes: [{service: chta}]\nservices: {chat: {backends: [h:1]}}",
      [#"1:20: routes[0].service: there is no service "chta"; did you mean "chat"?"#]
    ),
    (
      "routes: [{service: x}]",
      [#"1:20: routes[0].service: there is no service "x"; describe it under services"#]
    ),
    (
      "routes: [{hosts: [http://a.example], service: a}]",
      [
        #"1:19: routes[0].hosts[0]: "http://a.example" is a URL; write the host name alone"#,
        #"1:47: routes[0].service: there is no service "a"; describe it under services"#,
      ]
    ),
    (
      "routes: [{hosts: [a.*.example], service: a}]",
      [
        #"1:19: routes[0].hosts[0]: "a.*.example" has a wildcard inside; a wildcard stands alone in "#
          + #"front: *.example.com"#,
        #"1:42: routes[0].service: there is no service "a"; describe it under services"#,
      ]
    ),
    (
      "listeners: [{address: [::1]:443}]",
      [
        #"1:24: `[` and `:` without quotes mean something else in YAML; put quotes around an IPv6 address: "[::1]:443""#
      ]
    ),
    (
      "routes: [{hosts: [\"b❤cher.example\"], service: a}]",
      [
        #"1:19: routes[0].hosts[0]: "b❤cher.example" holds characters that no host name has; write the name "#
          + #"in its xn-- form (RFC 5890)"#,
        #"1:47: routes[0].service: there is no service "a"; describe it under services"#,
      ]
    ),
    (
      "routes: [{hosts: [a.example.], service: a}]",
      [
        #"1:19: routes[0].hosts[0]: "a.example." ends in a dot; remove it"#,
        #"1:41: routes[0].service: there is no service "a"; describe it under services"#,
      ]
    ),
    (
      "routes: [{hosts: [10.0.0.256], service: a}]",
      [
        #"1:19: routes[0].hosts[0]: "10.0.0.256" is neither a host name nor an address"#,
        #"1:41: routes[0].service: there is no service "a"; describe it under services"#,
      ]
    ),
    (
      "routes: [{hosts: [-a.example], service: a}]",
      [
        #"1:19: routes[0].hosts[0]: "-a.example" is no host name"#,
        #"1:41: routes[0].service: there is no service "a"; describe it under services"#,
      ]
    ),
    (
      "routes: [{paths: [v1/*], service: a}]",
      [
        #"1:19: routes[0].paths[0]: "v1/*" does not start with /; write /v1/* for all below /v1/"#,
        #"1:35: routes[0].service: there is no service "a"; describe it under services"#,
      ]
    ),
    (
      "routes: [{paths: [/v1*], service: a}]",
      [
        #"1:19: routes[0].paths[0]: "/v1*" has a * elsewhere than at its end after /; write /v1/*"#,
        #"1:35: routes[0].service: there is no service "a"; describe it under services"#,
      ]
    ),
    (
      "routes: [{paths: [/a/../b], service: a}]",
      [
        #"1:19: routes[0].paths[0]: "/a/../b" holds . or ..; write the path without them"#,
        #"1:38: routes[0].service: there is no service "a"; describe it under services"#,
      ]
    ),
    (
      "routes: [{paths: ['/a?b'], service: a}]",
      [
        #"1:19: routes[0].paths[0]: "/a?b" holds a query or fragment; routes look at the path only"#,
        #"1:37: routes[0].service: there is no service "a"; describe it under services"#,
      ]
    ),
    (
      "routes: [{service: a}, {service: a}]\nservices: {a: {backends: [h:1]}}",
      [#"1:24: routes[1]: * /* is already routed by routes[0] in line 1"#]
    ),
    (
      "routes:\n  - paths: [/a, /a]\n    service: a\nservices: {a: {backends: [h:1]}}",
      [#"2:5: routes[0]: * /a stands twice in this route"#]
    ),
  ]

  @Test("the error says where, what and what to write instead", arguments: table.indices)
  func told(index: Int) {
    let row = Self.table[index]
    #expect(errors(row.file) == row.errors.map { "certd.yaml:\($0)" })
  }
}
