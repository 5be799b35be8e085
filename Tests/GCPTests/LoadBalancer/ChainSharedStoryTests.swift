import FakeGoogle
import GCP
import HTTP
import HTTPClient
import JSON
import TestRun
import Testing

/// The same stories against the other stand-in, which checks every body against Google's discovery documents.
@Suite(.ownThread, .enabled(if: SharedGoogle.program != nil, "\(SharedGoogle.skipLine)"))
struct ChainSharedStoryTests {
  private func furnish(_ session: Session) async throws {
    try await session.insert(session.path(.zone(ChainLab.zone), "instanceGroups"), ["name": "web"])
    for name in ["cert-a", "cert-b"] {
      try await session.insert(
        session.path(.global, "sslCertificates"),
        ["name": .string(name), "type": "MANAGED", "managed": ["domains": ["x.example.com"]]])
    }
  }

  private static let variants: [@Sendable (inout ChainSettings) -> Void] = [
    { _ in },
    { $0.services[0].health?.probe = .grpc(service: "a.B", tls: false) },
    {
      $0.routes[0].headers.requestSet = [.init("X-A", "b")]
      $0.routes[0].headers.responseRemove = ["Server"]
      $0.address = "other-ip"
    },
    { $0.services[1].groups[0].capacity = .ratePerInstance(7.5) },
    { $0.services[0].health?.port = 9000 },
    { $0.services[0].health?.probe = .get(wire: .http, path: "/x", response: "ok") },
    {
      $0.redirects = false
      $0.routes.removeLast()
      $0.certificates.append(ResourceLink("global/sslCertificates/cert-b", project: ChainLab.project))
    },
    {
      $0.kind = .ssl
      $0.services = [.raw]
      $0.routes = [ChainRoute(hosts: ["*"], paths: ["/*"], service: "raw")]
    },
    {
      $0.services[1].groups = [
        ChainGroup(
          .made(
            ChainEndpoints(kind: .internetName, zone: nil, endpoints: [.init(name: "x.example", port: 443)])),
          .none)
      ]
      $0.services[1].health = nil
      $0.services[1].portName = nil
    },
    { _ in },
  ]

  @Test("one chain goes through many configurations, each made in one run and then as configured")
  func stories() async throws {
    let shared = try await SharedGoogle(["--op-delay", "0.01"])
    let lab = try ChainLab(url: shared.url, token: try await shared.token())
    try await furnish(lab.session)
    for (index, change) in Self.variants.enumerated() {
      let settings = ChainSettings.example(change)
      let plan = try await lab.apply(settings)
      #expect(!plan.isEmpty, "variant \(index)")
      let rest = try await lab.plan(settings)
      #expect(rest.isEmpty, "variant \(index): \(rest.text)")
    }
    let notes = try await shared.admin("notes")
    #expect(notes["notes"]?.items.isEmpty == true, "\(notes.text)")
  }

  @Test("dropped answers and failing operations are survived")
  func faults() async throws {
    let shared = try await SharedGoogle(["--op-delay", "0.01"])
    let lab = try ChainLab(url: shared.url, token: try await shared.token())
    try await furnish(lab.session)
    for (action, skip) in [("drop_before", 3), ("drop_after", 8), ("truncate", 5), ("drop_after", 12)] {
      try await shared.admin(
        "faults",
        ["action": .string(action), "times": 1, "skip": .number(Double(skip)), "match": ["writes": true]])
    }
    try await lab.apply(.example())
    #expect(try await lab.plan(.example()).isEmpty)
  }
}
