import ACME
import Bytes
import CertStore
import Configuration
import DNS
import HTTP
import HTTPClient
import OS
import PKI
import Renewal
import TLS

/// Asks the ports of a name's addresses as a CA does.
struct Reach {
  let acme: ACMESettings
  let ports: Examination.Ports
  let store: CertStore
  let world: World
  let resolver: RecursiveResolver
  let stored: StoredCertificate?

  /// For one request or handshake, in milliseconds: what Let's Encrypt waits.
  static let patienceMilliseconds: UInt64 = 10_000
  /// For all redirects of one probe together, in milliseconds.
  static let probeMilliseconds: UInt64 = 30_000
  /// For all names and addresses together, in seconds: with the last address, less than a renewal waits for its turn.
  static let maximumSeconds: UInt64 = 200

  /// What the ports of these addresses showed. None is asked any more after `endsAt`, by the monotonic clock in
  /// nanoseconds.
  func findings(
    _ identifier: Identifier, _ addresses: [[UInt8]], until endsAt: UInt64
  ) async -> [Finding] {
    guard !identifier.isWildcard else { return [] }
    var findings: [Finding] = []
    // The way that is preferred: others stand in only where it is not offered.
    let needed = acme.challenges.first
    for bytes in addresses {
      let text = Identifier.ip(bytes).description
      guard Clock.monotonicNanoseconds() < endsAt else {
        findings.append(
          Finding(
            .warning, "reach \(text)", "was not asked: the others took \(Self.maximumSeconds) s",
            remedy: "look at \(identifier) by itself: certd doctor \(identifier)"))
        continue
      }
      if acme.challenges.contains(.http01) {
        findings.append(ReachRules.judge(await probe(identifier, bytes), isNeeded: needed == .http01))
      }
      if acme.challenges.contains(.tlsALPN01) {
        findings.append(
          ReachRules.judgeValidation(
            await validation(identifier, bytes), at: text, isNeeded: needed == .tlsALPN01))
      }
      findings.append(
        ReachRules.judge(
          identifier.description, await handshake(identifier, bytes), at: text, isStored: stored != nil))
    }
    return findings
  }

  // MARK: Port 80

  private func probe(_ identifier: Identifier, _ bytes: [UInt8]) async -> HTTPProbe {
    let address = Identifier.ip(bytes).description
    let token = Base64URL.encode(Random.bytes(32))
    let expected = "\(token).\(Base64URL.encode(Random.bytes(32)))"
    let host = identifier.description.contains(":") ? "[\(identifier)]" : identifier.description
    guard let first = URL("http://\(host)/.well-known/acme-challenge/\(token)") else {
      return HTTPProbe(address: address, hops: [], isAnswered: false)
    }
    do throws(StoreError) { try store.challenges.publish(token: token, keyAuthorization: expected) } catch {
      return HTTPProbe(
        address: address, hops: [.init(url: first.description, status: nil, problem: "\(error)")],
        isAnswered: false)
    }
    defer { try? store.challenges.withdraw(token: token) }
    var hops: [HTTPProbe.Hop] = []
    let began = Clock.monotonicNanoseconds()
    var (url, target) = (first, bytes)
    while true {
      let left =
        Self.probeMilliseconds
        - min(
          (Clock.monotonicNanoseconds() - began) / 1_000_000, Self.probeMilliseconds)
      switch await ask(url, target, milliseconds: max(1, min(left, Self.patienceMilliseconds))) {
      case .failure(let why):
        hops.append(.init(url: url.description, status: nil, problem: why.why))
        return HTTPProbe(address: address, hops: hops, isAnswered: false)
      case .success(let response):
        guard ReachRules.isRedirect(response.status) else {
          hops.append(.init(url: url.description, status: response.status))
          let isAnswered = response.status == 200 && ReachRules.isAnswer(response.body, to: expected)
          return HTTPProbe(address: address, hops: hops, isAnswered: isAnswered)
        }
        switch await next(url, response, redirects: hops.count) {
        case .failure(let why):
          hops.append(.init(url: url.description, status: response.status, problem: why.why))
          return HTTPProbe(address: address, hops: hops, isAnswered: false)
        case .success(let (following, bytes)):
          hops.append(.init(url: url.description, status: response.status))
          (url, target) = (following, bytes)
        }
      }
    }
  }

  private struct Refusal: Error { let why: String }

  private func ask(
    _ url: URL, _ bytes: [UInt8], milliseconds: UInt64
  ) async -> Result<HTTP.Response, Refusal> {
    guard let address = SocketAddress(ipBytes: bytes, port: port(url)) else {
      return .failure(Refusal(why: "no address"))
    }
    do {
      // What a CA follows to over TLS it does not verify either.
      let context =
        url.scheme == .https ? try ClientContext(trust: .init(system: false, verifies: false)) : nil
      return .success(
        try await world.client.send(
          Request("GET", url, fields: [.init("User-Agent", "certd/\(Version.text) doctor")]),
          .init(
            context: context, address: address, deadlineMilliseconds: milliseconds,
            maximumBodyBytes: 64 << 10, keepsAlive: false)))
    } catch { return .failure(Refusal(why: "\(error)")) }
  }

  /// Where a redirect leads, and an address there.
  private func next(_ url: URL, _ response: HTTP.Response, redirects: Int) async -> Result<
    (URL, [UInt8]), Refusal
  > {
    let following: URL
    switch ReachRules.follow(
      url, status: response.status, location: response.fields["Location"], redirects: redirects)
    {
    case .failure(let refusal): return .failure(Refusal(why: refusal.why))
    case .success(let next): following = next
    }
    guard let name = DomainName(following.host) else { return .failure(Refusal(why: "redirects to no name")) }
    for type in [RecordType.aaaa, .a] {
      for case .address(let bytes) in ((try? await resolver.look(up: name, type).records) ?? []).map(\.data) {
        return .success((following, bytes))
      }
    }
    return .failure(Refusal(why: "redirects to \(following.host), which has no address"))
  }

  private func port(_ url: URL) -> UInt16 {
    switch url.port {
    case 80: ports.http
    case 443: ports.https
    default: url.port
    }
  }

  // MARK: Port 443

  private func handshake(_ identifier: Identifier, _ bytes: [UInt8]) async -> ReachRules.Handshake {
    guard let address = SocketAddress(ipBytes: bytes, port: ports.https) else { return .failed("no address") }
    do throws(HTTPClientError) {
      let chain = try await world.client.peerChain(
        at: address, serverName: identifier.description, deadlineMilliseconds: Self.patienceMilliseconds,
        accepts: stored?.chain.leaf.peerKey ?? .any)
      guard let leaf = chain.first.flatMap({ try? PKI.Certificate(der: $0) }) else {
        return .failed("it presents no certificate that can be read")
      }
      if leaf == stored?.chain.leaf { return .current }
      let names = leaf.identifiers
      return .other(
        names: names.map(\.description), notAfter: leaf.notAfter.description,
        isExpired: leaf.notAfter < World.now(), coversName: names.contains { $0.covers(identifier) })
    } catch { return .failed(error.description) }
  }

  /// Why a TLS-ALPN-01 validation would fail; nil when it would not.
  private func validation(_ identifier: Identifier, _ bytes: [UInt8]) async -> String? {
    guard let address = SocketAddress(ipBytes: bytes, port: ports.https) else { return "no address" }
    let authorization = Base64URL.encode(Random.bytes(32)) + "." + Base64URL.encode(Random.bytes(32))
    do {
      let digest = try Digest.sha256(Array(authorization.utf8))
      try store.challenges.publishValidation(identifier, keyAuthorization: authorization)
      defer { try? store.challenges.withdrawValidation(identifier, keyAuthorization: authorization) }
      let chain = try await world.client.peerChain(
        at: address, serverName: identifier.validationServerName,
        deadlineMilliseconds: Self.patienceMilliseconds, protocols: ["acme-tls/1"])
      // The digest is in the one extension that matters (RFC 8737 §3).
      guard let leaf = chain.first, leaf.indices.contains(where: { leaf[$0...].starts(with: digest) }) else {
        return "answers acme-tls/1 with another certificate than certd has put up"
      }
      return nil
    } catch { return "acme-tls/1: \(error)" }
  }
}
