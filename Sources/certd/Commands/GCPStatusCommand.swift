import ArgumentParser
import Bytes
import Configuration
import GCP
internal import JSON
import PKI

struct GCPStatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show what is attached to each target, and what its address presents.",
    discussion: """
      Example: certd gcp status --output json

      Certificates that Google manages are shown with their provisioning state. Exit status: 0 when every target has \
      the current certificates and no address presents another; 1 when not; 2 when the configuration is not valid.
      """)

  @OptionGroup var options: GCPOptions

  func run() async throws {
    let all: [TargetStatus]
    do throws(SetupError) {
      let (cloud, store) = try await options.open()
      all = await Inspector(cloud.pusher).status(cloud.request(store))
    } catch { throw Failure.exit(error) }
    let isWell = all.allSatisfy(\.isWell)
    options.tell(["targets": .array(all.map(\.json))]) { tell(all) }
    for status in all {
      for warning in status.warnings { options.warn("\(status.target): \(warning)") }
      if let failure = status.failure { Output.error("certd: \(status.target): \(failure)") }
    }
    if !isWell { throw ExitStatus.failed }
  }

  private func tell(_ all: [TargetStatus]) {
    guard !all.isEmpty else { return Output.line("no targets under gcp.targets") }
    var rows = [["TARGET", "CERTIFICATE", "NAMES", "VALID UNTIL", "STATE"]]
    for status in all where status.failure == nil {
      let map = status.certificateMap.map { " (map \($0))" } ?? ""
      if status.attached.isEmpty { rows.append(["\(status.target)\(map)", "-", "-", "-", "none"]) }
      for one in status.attached {
        rows.append([
          "\(status.target)\(map)", one.link.name, one.names.map(\.description).joined(separator: ","),
          one.notAfter?.description ?? "-", one.state,
        ])
      }
    }
    Output.table(rows)
    for status in all {
      for handshake in status.handshakes {
        Output.line(
          "\(status.target): \(handshake.address) presents \(handshake.served.words) for \(handshake.serverName)"
        )
      }
    }
  }
}

extension TargetStatus.Attached {
  /// In a word: ours and current, ours and older, managed by Google, or somebody else's.
  var state: String {
    if let managedState {
      let domains = domainStates.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
      return "managed by Google, \(managedState)"
        + (domains.isEmpty ? "" : ": \(domains.joined(separator: ", "))")
    }
    guard let isCurrent else { return "not ours" }
    return isCurrent ? "current" : "older"
  }

  fileprivate var json: JSONValue {
    var value: JSONValue = [
      "certificate": .string(link.path), "names": JSONValue(names.map(\.description)),
      "ours": .bool(name != nil),
    ]
    value["name"] = name.map { .string($0) }
    value["not_after"] = notAfter.map { .string($0.description) }
    value["sha256"] = sha256.map { .string($0) }
    value["current"] = isCurrent.map { .bool($0) }
    value["managed_state"] = managedState.map { .string($0) }
    if !domainStates.isEmpty { value["domain_states"] = .object(domainStates.mapValues { .string($0) }) }
    return value
  }
}

extension TargetStatus {
  fileprivate var json: JSONValue {
    var value = target.json
    value["attached"] = .array(attached.map(\.json))
    value["certificate_map"] = certificateMap.map { .string($0) }
    value["addresses"] = JSONValue(addresses)
    value["handshakes"] = .array(
      handshakes.map {
        [
          "address": .string($0.address), "server_name": .string($0.serverName),
          "state": .string($0.served.word),
        ]
      })
    value["well"] = .bool(isWell)
    value["error"] = failure.map { .string("\($0)") }
    return value
  }
}

extension PushReport.Served {
  fileprivate var words: String {
    switch self {
    case .pushed: "the current certificate"
    case .other(let sha256): "another certificate (SHA-256 \(sha256))"
    case .unreachable(let why): "nothing (\(why))"
    }
  }
}
