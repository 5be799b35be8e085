import Bytes
import CertStore
import Configuration
import OS
import PKI
import Proxy
import Renewal
import TLS
import Telemetry
import Upstream

// Everything that is counted and known, for Prometheus. Labels come from the configuration and the store: their number is
// bounded by what stands there.
extension Daemon {
  private typealias Sample = MetricsText.Sample

  /// The present values.
  func metrics() async -> MetricsText {
    var out = MetricsText()
    out.family(
      "certd_build_info", .gauge, "The version that runs.", [Sample(["version": Version.text], 1)])
    out.append(proxy.exposition)
    certificates(&out, World.now())
    renewals(&out)
    await outlooks(&out)
    files(&out)
    deploys(&out, World.now())
    await backends(&out)
    await queues(&out)
    await circuitBreakers(&out)
    discoveries(&out)
    keyUse(&out)
    traceMetrics(&out)
    process(&out)
    return out
  }

  private func certificates(_ out: inout MetricsText, _ now: UnixTime) {
    func source(_ one: Standing) -> String { one.isFile ? "file" : "store" }
    func samples(_ value: (Standing) -> UnixTime) -> [Sample] {
      standings.map { Sample(["name": $0.name, "source": source($0)], Double(value($0).seconds)) }
    }
    out.family(
      "certd_certificate_not_after_timestamp_seconds", .gauge, "When a presented certificate expires.",
      samples(\.notAfter))
    out.family(
      "certd_certificate_not_before_timestamp_seconds", .gauge,
      "When a presented certificate begins to be valid.", samples(\.notBefore))
    var findings: [Sample] = []
    for one in standings {
      for finding in one.findings(now: now) {
        findings.append(Sample(["name": one.name, "source": source(one), "kind": finding.kind], 1))
      }
    }
    out.family(
      "certd_certificate_finding", .gauge, "What is wrong with a presented certificate, or will be soon.",
      findings)
    out.family(
      "certd_certificate_renewal_failing", .gauge, "Whether the last attempt to obtain a certificate failed.",
      plan.managed.map { Sample(["name": "\($0.name)"], failing.contains("\($0.name)") ? 1 : 0) })
  }

  private func renewals(_ out: inout MetricsText) {
    let onDisk = stored.compactMap { one in one.pkiChain.map { (one.label, $0.leaf.notAfter) } }
    out.family(
      "certd_stored_certificate_not_after_timestamp_seconds", .gauge,
      "When a certificate of the store expires, served or not.",
      onDisk.map { Sample(["name": $0.0], Double($0.1.seconds)) })
    let known = attempts.sorted { $0.key < $1.key }
    out.family(
      "certd_certificate_last_attempt_successful", .gauge,
      "Whether the last attempt to obtain a certificate since the start was successful.",
      known.filter { $0.value.result != "none" }.map {
        Sample(["name": $0.key], $0.value.result == "success" ? 1 : 0)
      })
    out.family(
      "certd_certificate_last_attempt_timestamp_seconds", .gauge,
      "When the last attempt to obtain a certificate since the start was.",
      known.filter { $0.value.result != "none" }.map { Sample(["name": $0.key], Double($0.value.at.seconds)) }
    )
    out.family(
      "certd_certificate_next_attempt_timestamp_seconds", .gauge,
      "Before when a certificate is not obtained again, by its CA's word where it has one.",
      known.compactMap { name, one in one.next.map { Sample(["name": name], Double($0.seconds)) } })
  }

  private func files(_ out: inout MetricsText) {
    out.family(
      "certd_certificate_file_unusable", .gauge,
      "Certificate files that cannot be used; what was good before goes on.",
      plan.broken.map { Sample(["file": $0], 1) })
    out.single(
      "certd_unusable_files", .gauge, "Files besides certificates that cannot be used.",
      Double(plan.problems.count))
    out.single(
      "certd_config_last_reload_successful", .gauge, "Whether the last reload was taken up.",
      reloaded.isSuccess ? 1 : 0)
    out.single(
      "certd_config_last_reload_timestamp_seconds", .gauge, "When the last reload, or the start, was.",
      Double(reloaded.at.seconds))
  }

  private func deploys(_ out: inout MetricsText, _ now: UnixTime) {
    guard let waiting = try? store.deploys(now: now) else { return }
    var places: [String: (name: String, action: String, count: Int, failures: Int)] = [:]
    for task in waiting {
      let (name, action) = (task.name, task.action.summary)
      let before = places["\(name)\u{0}\(action)"]
      places["\(name)\u{0}\(action)"] = (
        name, action, (before?.count ?? 0) + 1, (before?.failures ?? 0) + task.failures
      )
    }
    let sorted = places.sorted { $0.key < $1.key }.map(\.value)
    out.family(
      "certd_deploys_waiting", .gauge, "Deployments that have not been carried out yet.",
      sorted.map { Sample(["name": $0.name, "action": $0.action], Double($0.count)) })
    out.family(
      "certd_deploys_failed_attempts", .gauge, "Failed attempts of deployments that wait.",
      sorted.map { Sample(["name": $0.name, "action": $0.action], Double($0.failures)) })
    lags(&out, waiting, now)
  }

  private func queues(_ out: inout MetricsText) async {
    var rooms: [(service: String, room: ServiceRoom.Standing)] = []
    for service in plan.configuration.services where service.rules.maxRequestsPerBackend != nil {
      rooms.append((service.name, await backends.room(service: service.name).standing))
    }
    out.family(
      "certd_queue_requests", .gauge, "Requests that wait until a backend has room.",
      rooms.map { Sample(["service": $0.service], Double($0.room.waiting)) })
    out.family(
      "certd_queued_requests_total", .counter, "Requests that have had to wait until a backend had room.",
      rooms.map { Sample(["service": $0.service], Double($0.room.entered)) })
    out.family(
      "certd_queue_refused_requests_total", .counter,
      "Requests turned away because as many waited as may, or because they had waited as long as they may.",
      rooms.flatMap { service, room in
        [
          Sample(["service": service, "reason": "queue_full"], Double(room.refusedFull)),
          Sample(["service": service, "reason": "queue_timeout"], Double(room.refusedLate)),
        ]
      })
    out.append(
      Exposition.text(
        name: "certd_queue_seconds", help: "How long requests have waited until a backend had room.",
        rooms.map { (MetricsText.label("service", $0.service), $0.room.times) }))
  }

  private func discoveries(_ out: inout MetricsText) {
    let found = plan.configuration.services.filter { $0.source != nil }
    out.family(
      "certd_discovery_up", .gauge, "Whether the source of a service's backends could be asked last.",
      found.map {
        Sample(
          ["service": $0.name, "source": $0.source?.word ?? ""], discoveryFailures[$0.name] == nil ? 1 : 0)
      })
    out.family(
      "certd_discovery_backends", .gauge, "Backends that a source has told of last.",
      found.map { Sample(["service": $0.name, "source": $0.source?.word ?? ""], Double($0.backends.count)) })
  }

  private func circuitBreakers(_ out: inout MetricsText) async {
    var hits: [Sample] = []
    var counts: [Sample] = []
    for service in plan.configuration.services where service.rules.circuitBreakers.areSet {
      let state = await backends.state(service: service.name)
      for limit in CircuitBreakers.Limit.allCases where service.rules.circuitBreakers[limit] != nil {
        let labels: MetricsText.Labels = ["service": service.name, "limit": limit.word]
        hits.append(Sample(labels, Double(state.hits(limit))))
        counts.append(Sample(labels, Double(state.count(limit))))
      }
    }
    out.family(
      "certd_circuit_breaker_hits_total", .counter, "Requests that a service's limit has kept from going on.",
      hits)
    out.family(
      "certd_circuit_breaker_in_use", .gauge, "What is under way of what a service's limit allows.", counts)
  }

  private func process(_ out: inout MetricsText) {
    let facts = ProcessFacts.now()
    out.single(
      "process_cpu_seconds_total", .counter, "Processor time in user and system mode.",
      facts.processorSeconds)
    out.single(
      "process_resident_memory_bytes", .gauge, "Resident memory.", Double(facts.residentBytes))
    if let open = facts.openDescriptors {
      out.single("process_open_fds", .gauge, "Open file descriptors.", Double(open))
    }
    out.single(
      "process_max_fds", .gauge, "The most open file descriptors.", Double(facts.maximumDescriptors))
    out.single(
      "process_start_time_seconds", .gauge, "When the process began to serve.", Double(startedAt.seconds))
  }
}
