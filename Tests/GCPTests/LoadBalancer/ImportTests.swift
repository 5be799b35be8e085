import JSON
import TestRun
import Testing

@testable import GCP

/// What other programs' files say, and what ours says in Terraform's language.
@Suite(.ownThread) struct ChainImportTests {
  /// `terraform show -json` of a plan: nothing is there yet, links are only known as references.
  static let plan = """
    {"format_version": "1.2", "planned_values": {"root_module": {"resources": [
      {"address": "google_compute_health_check.hc", "mode": "managed", "type": "google_compute_health_check", "name": "hc",
       "values": {"name": "hc", "check_interval_sec": 7, "timeout_sec": 3, "grpc_health_check": [{"port": 9000,
       "grpc_service_name": "m.S"}]}},
      {"address": "google_compute_instance_group_manager.gpu", "mode": "managed",
       "type": "google_compute_instance_group_manager", "name": "gpu", "values": {"name": "gpu", "zone": "us-central1-b"}},
      {"address": "google_compute_backend_service.api", "mode": "managed", "type": "google_compute_backend_service",
       "name": "api", "values": {"name": "api", "protocol": "HTTP2", "timeout_sec": 90, "load_balancing_scheme":
       "EXTERNAL_MANAGED", "backend": [{"balancing_mode": "RATE", "max_rate_per_instance": 50.4}]}},
      {"address": "google_compute_url_map.m", "mode": "managed", "type": "google_compute_url_map", "name": "m",
       "values": {"name": "m", "host_rule": [{"hosts": ["a.example.com"], "path_matcher": "p"}],
       "path_matcher": [{"name": "p", "path_rule": [{"paths": ["/v1/*"]}]}]}},
      {"address": "google_compute_target_https_proxy.p", "mode": "managed", "type": "google_compute_target_https_proxy",
       "name": "p", "values": {"name": "p", "project": "proj"}}]}},
     "configuration": {"root_module": {"resources": [
      {"address": "google_compute_backend_service.api", "expressions": {
       "backend": [{"group": {"references": ["google_compute_instance_group_manager.gpu.instance_group"]}}],
       "health_checks": {"references": ["google_compute_health_check.hc.id", "google_compute_health_check.hc"]}}},
      {"address": "google_compute_url_map.m", "expressions": {
       "default_service": {"references": ["google_compute_backend_service.api.id"]},
       "path_matcher": [{"default_service": {"references": ["google_compute_backend_service.api.id"]},
        "path_rule": [{"service": {"references": ["google_compute_backend_service.api.id"]}}]}]}},
      {"address": "google_compute_target_https_proxy.p", "expressions": {
       "url_map": {"references": ["google_compute_url_map.m.id", "google_compute_url_map.m"]}}}]}}}
    """

  @Test("a plan's references lead where its links will")
  func references() throws {
    let made = try ChainImport(Array(Self.plan.utf8), .terraform)
    for line in [
      "- { hosts: [a.example.com], paths: [\"/v1/*\"], service: api }", "protocol: h2", "grpc: true",
      "grpc_service: m.S", "interval: 7s", "max_rate: 50", "zones/us-central1-b/instanceGroups/gpu",
      "project: proj", "timeout: 90s", "targetHttpsProxies/m-proxy: p", "healthChecks/m-api-grpc: hc",
    ] { #expect(made.yaml.contains(line), "\(line) in\n\(made.yaml)") }
    #expect(made.notes.contains { $0.contains("no forwarding rule leads") }, "\(made.notes)")
  }

  @Test("no file brings it down: every member is left out or changed in kind, one by one")
  func hostile() throws {
    let whole = try JSONValue(parsing: Self.plan.utf8)
    var tried = 0
    func walk(_ value: JSONValue, _ put: (JSONValue) throws -> Void) throws {
      let strange: [JSONValue] = [
        .null, .string("x"), .string("x\ninjected: y"), 7, .number("1e30"), .number("1e999"), .number("-0.0"),
        [],
        .object([:]), [[.null]],
      ]
      for other in strange where other != value {
        tried += 1
        if Tier.isAll || tried.isMultiple(of: 5) { try put(other) }
      }
      switch value {
      case .object(let members):
        for (name, inner) in members {
          try walk(inner) { other in
            var changed = members
            changed[name] = other
            try put(.object(changed))
          }
        }
      case .array(let elements):
        for index in elements.indices {
          try walk(elements[index]) { other in
            var changed = elements
            changed[index] = other
            try put(.array(changed))
          }
        }
      default: break
      }
    }
    try walk(whole) { changed in
      let made = try? ChainImport(Array(changed.text.utf8), .terraform)
      #expect(made.map { !"\n\($0.yaml)".contains("\ninjected") } ?? true)
      _ = try? ChainImport(Array(changed.text.utf8), .pulumi)
    }
    #expect(tried > 500)
  }

  @Test("the export has a resource and an import for each of the chain's, and no field's value")
  func export() throws {
    let settings = ChainSettings.example { settings in
      settings.routes[0].headers.requestSet = [.init("X-Key", "open-${sesame}")]
    }
    let text = TerraformExport(settings, project: ChainLab.project).text
    for resource in settings.desired(project: ChainLab.project) {
      #expect(text.contains("id = \"projects/\(ChainLab.project)/\(resource.label)\""), "\(resource.label)")
    }
    for line in [
      "resource \"google_compute_url_map\" \"edge_map\" {", "url_map = google_compute_url_map.edge_map.id",
      "resource \"google_compute_global_forwarding_rule\" \"edge_https\" {", "  ip_protocol = \"TCP\"",
      "header_value = var.header_value_1", "ignore_changes = [ssl_certificates]",
      "resource \"google_compute_network_endpoint\"", "connection_draining_timeout_sec = 30",
      "labels = { \"certd-load-balancer\" = \"edge\" }",
    ] { #expect(text.contains(line), "\(line) in\n\(text)") }
    #expect(!text.contains("sesame"))
    #expect(text.filter { $0 == "{" }.count == text.filter { $0 == "}" }.count)
  }
}
