import FakeGoogle
import GCP
import OS
import TestRun
import Testing

/// The same story told to a second stand-in, written by others, and to Google itself.
@Suite("Live", .ownThread)
struct LiveTests {
  @Test(
    "The story goes as well with a second stand-in, at its own pace",
    .enabled(if: SharedGoogle.program != nil, "\(SharedGoogle.skipLine)"),
    arguments: LiveStory.Way.allCases)
  func second(way: LiveStory.Way) async throws {
    let google = try await SharedGoogle(["--op-delay", "0.05", "--readonly", "refuse"])
    let story = try LiveStory(try await session(google))
    try await story.tell(way)
    #expect(try await google.admin("problems")["problems"] == .list([]))
  }

  @Test(
    "A mishap at any of the second stand-in's calls is survived",
    .enabled(if: SharedGoogle.program != nil, "\(SharedGoogle.skipLine)"),
    arguments: LiveStory.Way.allCases, ["drop_before", "drop_after", "truncate"])
  func mishaps(way: LiveStory.Way, action: String) async throws {
    let google = try await SharedGoogle(["--op-delay", "0"])
    let story = try LiveStory(try await session(google))
    _ = try await story.seed(way, region: "us-central1")
    let name = "llm.example.com"
    let target = story.target(way, [name], region: "us-central1")
    let pusher = Pusher(session: story.session)
    for skip in Tier.points(9, each: 3) {
      try await google.admin(
        "faults",
        ["action": .string(action), "times": 1, "skip": .number(Double(skip)), "match": ["api": true]])
      let next = try story.maker.deployment(name, "old.example.com")
      let report = await pusher.push(.init(targets: [target], deployments: [next]))
      #expect(!report.hasFailed, "\(skip): \(report.targets.compactMap(\.failure))")
    }
    #expect(try await google.admin("problems")["problems"] == .list([]))
  }

  private func session(_ google: SharedGoogle) async throws -> Session {
    var endpoints = Endpoints()
    endpoints.compute = google.url
    endpoints.certificateManager = google.url
    return try await LiveStory.session(
      project: "demo-project", endpoints: endpoints, credentials: google.credentialsPath, pace: 0.1)
  }

  // MARK: Google itself

  /// The project to try, when there is one and credentials for it.
  static let project: String? = {
    let variables = Subprocess.inheritedEnvironment()
    guard let project = variables["CERTD_TEST_GCP_PROJECT"], !project.isEmpty,
      variables["GOOGLE_APPLICATION_CREDENTIALS"] != nil || variables["CLOUDSDK_CONFIG"] != nil
        || variables["HOME"] != nil
    else { return nil }
    return project
  }()

  // One after the other: it is one project.
  @Test(
    "The story goes as well with Google", .serialized,
    .enabled(
      if: LiveTests.project != nil,
      "no project of Google's to try: CERTD_TEST_GCP_PROJECT names none, or there are no credentials for it"),
    arguments: LiveStory.Way.allCases)
  func real(way: LiveStory.Way) async throws {
    let session = try await LiveStory.session(
      project: LiveTests.project ?? "", endpoints: Endpoints(), credentials: nil,
      variables: Subprocess.inheritedEnvironment())
    let story = try LiveStory(session)
    try await story.tell(way)
  }
}
