import APIKeys
import Configuration
import HTTP
import HTTPClient
import JSON
import OS
import Telemetry

/// Fetches the public keys of those who sign tokens.
actor TokenKeyFetch {
  /// How often keys are fetched again, in seconds.
  static let refreshSeconds: Int64 = 3600
  /// How long nobody is asked again, whatever tokens name, in seconds.
  static let pauseSeconds: Int64 = 30
  /// How long keys verify without anybody telling that they still stand, in seconds.
  static let staleSeconds: Int64 = 86_400
  /// How long one answer may take, in milliseconds.
  static let patienceMilliseconds: UInt64 = 10_000

  private struct State {
    var place: JWKSPlace?
    var askedAt: Int64
    var fetchedAt: Int64?
  }

  private let client: HTTPClient
  private let warn: @Sendable (String) -> Void
  private var states: [String: State] = [:]
  private var told: [String: String] = [:]

  init(_ client: HTTPClient, warn: @escaping @Sendable (String) -> Void) {
    self.client = client
    self.warn = warn
  }

  /// Fetches what is due. `now` is in seconds of a clock that does not go back.
  func fetchDue(_ groups: [KeyGroupSettings], _ keys: KeyStore, now: Int64) async {
    for group in groups {
      guard let issuer = keys.issuer(group), isDue(group, issuer, now) else { continue }
      let before = states[group.name]
      let isMoved = before.map { $0.place != group.jwks } ?? false
      // Those of another place say nothing here.
      if isMoved { issuer.forget() }
      states[group.name] = State(
        place: group.jwks, askedAt: now, fetchedAt: isMoved ? nil : before?.fetchedAt)
      do throws(SetupError) {
        let keys = try await fetch(group, issuer.rules)
        // Also a set of none: they have been withdrawn.
        issuer.adopt(keys)
        states[group.name]?.fetchedAt = now
        guard keys.count > 0 else { throw .other("none of them is for RS256, PS256, ES256 or EdDSA") }
        told[group.name] = nil
      } catch {
        if let fetched = states[group.name]?.fetchedAt, now - fetched > Self.staleSeconds { issuer.forget() }
        let text = "keys.\(group.name): the keys of \(issuer.rules.issuer) cannot be had: \(error)"
        if told[group.name] != text { warn(text) }
        told[group.name] = text
      }
    }
  }

  private func isDue(_ group: KeyGroupSettings, _ issuer: TokenIssuer, _ now: Int64) -> Bool {
    guard let state = states[group.name], state.place == group.jwks else { return true }
    guard now - state.askedAt >= Self.pauseSeconds else { return false }
    return issuer.wantsKeys || state.fetchedAt.map { now - $0 >= Self.refreshSeconds } ?? true
  }

  private func fetch(_ group: KeyGroupSettings, _ rules: TokenRules) async throws(SetupError) -> TokenKeys {
    let text: [UInt8]
    switch group.jwks {
    case .file(let path):
      do throws(SystemError) {
        text = try FileSystem().read(path, limitInBytes: TokenKeys.maximumBytes, followingLinks: true)
      } catch { throw .other("\(error)") }
    case .url(let url): text = try await get(url)
    case nil:
      let slash = rules.issuer.hasSuffix("/") ? "" : "/"
      let found = try? JSONValue(
        parsing: await get("\(rules.issuer)\(slash).well-known/openid-configuration"))
      // Whoever tells where the keys are must be the issuer (OpenID Connect Discovery 1.0 §4.3).
      guard let found, found["issuer"]?.string == rules.issuer, let url = found["jwks_uri"]?.string,
        url.hasPrefix("https://") || rules.issuer.hasPrefix("http://")
      else { throw .other("its openid-configuration names no https jwks_uri, or another issuer") }
      text = try await get(url)
    }
    guard let keys = TokenKeys(text) else { throw .other("they are no JWKS") }
    return keys
  }

  private func get(_ address: String) async throws(SetupError) -> [UInt8] {
    guard let url = URL(address) else { throw .other("\(address) is no URL") }
    let response: HTTP.Response
    do throws(HTTPClientError) {
      response = try await client.send(
        Request("GET", url, fields: [.init("User-Agent", "certd/\(Version.text)")]),
        .init(
          deadlineMilliseconds: Self.patienceMilliseconds, maximumBodyBytes: TokenKeys.maximumBytes,
          keepsAlive: false))
    } catch { throw .other("\(error)") }
    guard response.status == 200 else { throw .other("\(address) answers \(response.status)") }
    return response.body
  }
}

extension Daemon {
  /// Looks each second whether keys of issuers are to be fetched.
  func keepTokenKeys() -> Task<Void, Never> {
    let log = log
    let fetch = TokenKeyFetch(world.client) { log.warn("tokens", ["reason": .text($0)]) }
    return Task {
      while !Task.isCancelled {
        await fetch.fetchDue(plan.configuration.keyGroups, keys, now: Clock.bootSeconds())
        try? await World.sleep(seconds: 1)
      }
    }
  }
}
