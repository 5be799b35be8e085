import Testing

@testable import Configuration

/// What reading a text gives, errors as the lines a user sees.
func read(_ text: String, baseDirectory: String = "/etc/certd") throws(ConfigurationErrors)
  -> Configuration.Reading
{
  try Configuration.read(Array(text.utf8), file: "certd.yaml", baseDirectory: baseDirectory)
}

/// The errors of a text; empty when it is right.
func errors(_ text: String) -> [String] {
  do throws(ConfigurationErrors) {
    _ = try read(text)
    return []
  } catch {
    return error.description.split(separator: "\n").map(String.init)
  }
}

/// The configuration of a text that is right.
func configuration(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws
  -> Configuration
{
  do throws(ConfigurationErrors) { return try read(text).configuration } catch {
    Issue.record("\(error)", sourceLocation: sourceLocation)
    throw error
  }
}

/// A file with most of what there is, all of it right.
let fullExample = """
  store: certs
  workers: 4
  log: {level: debug, format: json, access: logs/access.log}
  acme:
    email: ops@example.com
    agree_tos: true
    issuers:
      - letsencrypt
      - {name: google, eab: {kid: abc, key_file: eab.key}}
      - {directory: "https://ca.corp.example:14000/dir", roots: [roots.pem], profile: short}
      - local
    http01: {address: "127.0.0.1:5002"}
    preferred_chain: ISRG Root X1
    key_type: ec-p384
    deploy_hooks: ["systemctl reload nginx"]
    local_lifetime: 24h
  certificates:
    - {cert: /etc/ssl/other.pem, key: other.key}
    - {names: [a.example.com, 192.0.2.7], name: pair, issuer: letsencrypt, key_type: rsa-2048}
  listeners:
    - {address: ":443", tls: modern}
    - {address: "[::1]:8443", tls: compatible, client_certificates: {mode: request, ca: [ca.pem], crl: [a.crl]}}
    - {address: ":80", redirect: https}
  trusted_proxies: [10.0.0.0/8, "2001:db8::/32"]
  forwarded: {x_forwarded: true, forwarded: true, via: false}
  headers:
    response: {set: {Strict-Transport-Security: max-age=31536000}, remove: [Server]}
  routes:
    - hosts: [llm.example.com, "*.models.example.com"]
      paths: [/v1/*, /health]
      service: chat
      headers: {request: {set: {X-Team: blue}, remove: [Cookie]}}
    - service: chat
  services:
    chat:
      kind: vllm
      backends: [https://10.0.0.11:8000, {address: "https://10.0.0.12:8000", weight: 3}]
      protocol: https
      policy: round-robin
      tls: {roots: [backend.pem], server_name: vllm.internal, verify: true}
      health: {path: /health, port: 9000, interval: 10s, timeout: 3s, unhealthy_threshold: 2,
        healthy_threshold: 4, expect: 200-204, enabled: true}
      timeouts: {connect: 1s, response_head: off, first_byte: 20m, idle: 90s, keepalive: 10s}
      retries: {attempts: 1, budget_percent: 10}
      max_connections: 100
      max_requests_per_backend: 64
      queue: {size: 8, timeout: 2s}
  limits:
    {request_head: 32KiB, request_head_fields: 64, connections: 1000, header_timeout: 5s,
     keepalive_timeout: 60s, handshake_timeout: 3s, request_body_idle_timeout: 30s, send_timeout: 30s,
     upgrade_idle_timeout: off, drain_timeout: 5m}
  """
