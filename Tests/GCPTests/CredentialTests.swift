import Bytes
import FakeGoogle
import GCP
import HTTPClient
import JSON
import OS
import PKI
import Synchronization
import TestRun
import Testing

/// Whose tokens are used, and how they are had.
@Suite("Credentials", .ownThread)
struct CredentialTests {
  let bench: Bench

  init() throws { bench = try Bench() }

  private func credentials(
    _ variables: [String: String], files: [String: String] = [:], file: String? = nil
  ) -> Credentials {
    Credentials(
      file: file, variables: variables, read: { files[$0].map { Array($0.utf8) } },
      transport: ClientTransport(bench.client), environment: bench.clock.environment)
  }

  /// Whether a call with a token of the source is let in.
  private func isAccepted(_ source: any TokenSource) async throws -> Bool {
    let session = Session(
      project: Bench.project, endpoints: bench.endpoints,
      tokens: TokenCache(source, now: bench.clock.environment.now), transport: ClientTransport(bench.client),
      environment: bench.clock.environment)
    return try await session.list(session.path(.global, "sslCertificates")).isEmpty
  }

  @Test("A service account's key, named by GOOGLE_APPLICATION_CREDENTIALS")
  func serviceAccount() async throws {
    let source = try await credentials(
      ["GOOGLE_APPLICATION_CREDENTIALS": "/sa.json"],
      files: ["/sa.json": try bench.google.serviceAccountFile()]
    ).source()
    #expect(source.description == "service account \(FakeGoogle.serviceAccount)")
    #expect(try await isAccepted(source))
  }

  @Test("The configuration's file goes before the environment's")
  func configured() async throws {
    let source = try await credentials(
      ["GOOGLE_APPLICATION_CREDENTIALS": "/sa.json"],
      files: ["/sa.json": try bench.google.serviceAccountFile(), "/user.json": bench.google.userFile],
      file: "/user.json"
    ).source()
    #expect(source.description == "the user of /user.json")
    #expect(try await isAccepted(source))
  }

  @Test("gcloud's own file, in CLOUDSDK_CONFIG or the home directory")
  func gcloud() async throws {
    let name = "application_default_credentials.json"
    let places = [
      (["CLOUDSDK_CONFIG": "/cloud", "HOME": "/home/a"], "/cloud/\(name)"),
      (["HOME": "/home/a"], "/home/a/.config/gcloud/\(name)"),
    ]
    for (variables, path) in places {
      let source = try await credentials(variables, files: [path: bench.google.userFile]).source()
      #expect(source.description == "the user of \(path)")
    }
  }

  @Test("Workload identity federation, as the workload and as a service account", arguments: [true, false])
  func external(impersonating: Bool) async throws {
    let file = bench.google.externalFile(subjectTokenPath: "/token", impersonating: impersonating)
    let source = try await credentials(
      ["GOOGLE_APPLICATION_CREDENTIALS": "/wif.json"],
      files: ["/wif.json": file, "/token": FakeGoogle.subjectToken + "\n"]
    ).source()
    #expect(source.description.hasPrefix(impersonating ? "service account" : "the workload"))
    #expect(try await isAccepted(source))
  }

  @Test("A subject's token inside a JSON document")
  func externalJSON() async throws {
    var file = try JSONValue(parsing: bench.google.externalFile(subjectTokenPath: "/token").utf8)
    file["credential_source"] = [
      "file": "/token", "format": ["type": "json", "subject_token_field_name": "access_token"],
    ]
    let token: JSONValue = ["access_token": .string(FakeGoogle.subjectToken)]
    let source = try await credentials(
      [:], files: ["/wif.json": file.text, "/token": token.text], file: "/wif.json"
    ).source()
    #expect(try await isAccepted(source))
  }

  @Test("The metadata server, at GCE_METADATA_HOST")
  func metadata() async throws {
    let host = String(bench.google.url.dropFirst("http://".count))
    let source = try await credentials(["GCE_METADATA_HOST": host]).source()
    #expect(source.description.contains("the account of this machine"))
    #expect(try await isAccepted(source))
  }

  @Test("Without any credentials the error says where they may come from")
  func none() async throws {
    let error = await #expect(throws: GCPError.self) {
      _ = try await credentials(["NO_GCE_CHECK": "true"]).source()
    }
    #expect(error?.description.contains("GOOGLE_APPLICATION_CREDENTIALS") == true)
  }

  @Test(
    "A file that cannot be used is told by its path and member, never by its content",
    arguments: [
      ("no JSON, s3cret", "is not a JSON object"), ("{}", "there is no type in it"),
      (#"{"type":"magic"}"#, "type magic are not supported"),
      (#"{"type":"service_account","private_key":"s3cret"}"#, "client_email is missing"),
      (#"{"type":"service_account","client_email":"a","private_key":"s3cret"}"#, "private_key"),
      (#"{"type":"authorized_user","client_id":"a","client_secret":"s3cret"}"#, "refresh_token is missing"),
      (
        #"{"type":"external_account","audience":"a","subject_token_type":"t","credential_source":{"environment_id":"aws1"}}"#,
        "credential_source has neither file nor url"
      ),
    ])
  func unusable(text: String, why: String) async throws {
    let error = await #expect(throws: GCPError.self) {
      _ = try await credentials([:], files: ["/c.json": text], file: "/c.json").source()
    }
    #expect(error?.description.contains("/c.json") == true && error?.description.contains(why) == true)
    #expect(error?.description.contains("s3cret") == false)
  }

  @Test("A named file that is not there is an error, and nothing else is tried")
  func absent() async throws {
    let error = await #expect(throws: GCPError.self) {
      _ = try await credentials(
        ["GOOGLE_APPLICATION_CREDENTIALS": "/none", "HOME": "/home/a"],
        files: ["/home/a/.config/gcloud/application_default_credentials.json": bench.google.userFile]
      ).source()
    }
    #expect(error?.description.contains("/none, named by GOOGLE_APPLICATION_CREDENTIALS") == true)
  }

  // MARK: The cache

  /// Counts, and gives tokens that live for so many seconds.
  private final class Counter: TokenSource {
    let count = Mutex(0)
    let now: @Sendable () -> UnixTime
    let lifetime: Int64

    init(lifetime: Int64, now: @escaping @Sendable () -> UnixTime) {
      self.lifetime = lifetime
      self.now = now
    }

    var description: String { "a counter" }

    func obtain() async throws(GCPError) -> AccessToken {
      await Task.yield()
      let number = count.withLock {
        $0 += 1
        return $0
      }
      return AccessToken("token-\(number)", expires: now() + lifetime)
    }
  }

  @Test("Many calls at once obtain one token")
  func once() async throws {
    let counter = Counter(lifetime: 3600) { UnixTime(seconds: 1000) }
    let cache = TokenCache(counter) { UnixTime(seconds: 1000) }
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<50 { group.addTask { _ = try? await cache.token() } }
    }
    #expect(counter.count.withLock { $0 } == 1)
  }

  @Test("A token is renewed shortly before it ends, and at once when it was refused")
  func renewal() async throws {
    let time = Mutex<Int64>(0)
    let counter = Counter(lifetime: 3600) { UnixTime(seconds: 0) }
    let cache = TokenCache(counter) { UnixTime(seconds: time.withLock { $0 }) }
    let first = try await cache.token()
    time.withLock { $0 = 3600 - TokenCache.renewalMarginSeconds - 1 }
    #expect(try await cache.token() == first)
    time.withLock { $0 = 3600 - TokenCache.renewalMarginSeconds }
    #expect(try await cache.token() != first)
    time.withLock { $0 = 0 }
    let second = try await cache.token()
    #expect(try await cache.token(refused: second) != second)
    #expect(try await cache.token(refused: first) != first)
  }

  @Test("A token's description does not tell it")
  func secrecy() {
    let token = AccessToken("ya29.s3cret", expires: UnixTime(seconds: 0))
    #expect(!"\(token)".contains("s3cret") && !String(reflecting: token).contains("s3cret"))
  }

  @Test("A token that Google refuses is renewed once within the call")
  func refused() async throws {
    let host = String(bench.google.url.dropFirst("http://".count))
    let source = try await credentials(["GCE_METADATA_HOST": host]).source()
    let session = Session(
      project: Bench.project, endpoints: bench.endpoints,
      tokens: TokenCache(source, now: bench.clock.environment.now), transport: ClientTransport(bench.client),
      environment: bench.clock.environment)
    let path = session.path(.global, "sslCertificates")
    _ = try await session.list(path)
    bench.google.expireTokens()
    _ = try await session.list(path)
    #expect(bench.google.tokensGiven == 2)
  }
}
