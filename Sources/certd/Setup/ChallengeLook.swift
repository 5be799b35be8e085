import ACME
import Bytes
import Configuration
import HTTP
import HTTPClient
import OS
import PKI
import Proxy
import Renewal

/// Fetches the answer to a challenge from this machine's own ports before a CA is told, so that no validation is spent
/// on a port that somebody else has.
struct ChallengeLook: Sendable {
  /// Where something is answered.
  private enum Place {
    case told(SocketAddress)
    /// Somewhere that cannot be asked from here.
    case unknown
  }

  /// Where HTTP-01 and TLS-ALPN-01 may be answered on this machine.
  private let places: [ChallengeType: [Place]]
  /// Whether another web server, perhaps on another machine, has the files.
  private let isServedByOthers: Bool
  private let world: World

  /// For one request or handshake, in milliseconds.
  static let patienceMilliseconds: UInt64 = 5000

  init(_ configuration: Configuration, _ acme: ACMESettings, _ world: World) throws(SetupError) {
    var places: [ChallengeType: [Place]] = [:]
    if acme.http01.webroot == nil {
      for listener in configuration.listeners {
        let address = try ProxySettings.address(listener.address)
        // One that wants a PROXY header of us is not asked: nothing is known of it.
        let isOpen = !listener.proxyProtocolFrom.contains { $0.contains(address.reachableLocally.ipBytes) }
        let type: ChallengeType = listener.tls == .off ? .http01 : .tlsALPN01
        places[type, default: []].append(contentsOf: isOpen ? Self.places(address) : [.unknown])
      }
    }
    for (type, address) in [
      (ChallengeType.http01, acme.http01.address), (.tlsALPN01, acme.tlsALPN01.address),
    ] {
      places[type, default: []] += Self.places(try ProxySettings.address(address))
    }
    self.places = places
    isServedByOthers = acme.http01.webroot != nil
    self.world = world
  }

  /// Where a listener on an address is asked: one on every address by both families, for another program may have just
  /// one of them.
  private static func places(_ address: SocketAddress) -> [Place] {
    let v4 = address.host == "::" ? SocketAddress(host: "127.0.0.1", port: address.port) : nil
    return [.told(address.reachableLocally)] + (v4.map { [.told($0)] } ?? [])
  }

  /// Why no place shows the answer; nil when one does, or when that cannot be told.
  func objection(to answer: ChallengeAnswer) async -> String? {
    var objections: [String] = []
    for place in places[answer.type] ?? [] {
      guard case .told(let place) = place, place.port != 0 else { return nil }
      let objection =
        answer.type == .http01 ? await fetch(answer, at: place) : await shakeHands(answer, at: place)
      guard let objection else { return nil }
      objections.append(objection)
    }
    return objections.isEmpty ? nil : objections.joined(separator: "; ")
  }

  private func fetch(_ answer: ChallengeAnswer, at place: SocketAddress) async -> String? {
    let name = answer.identifier.description
    let host = name.contains(":") ? "[\(name)]" : name
    guard let url = URL("http://\(host)/.well-known/acme-challenge/\(answer.token)") else { return nil }
    do throws(HTTPClientError) {
      let response = try await world.client.send(
        Request("GET", url, fields: [.init("User-Agent", "certd/\(Version.text)")]),
        .init(
          context: nil, address: place, deadlineMilliseconds: Self.patienceMilliseconds,
          maximumBodyBytes: 64 << 10, keepsAlive: false))
      // A CA follows; where to is not looked at here.
      if ReachRules.isRedirect(response.status) { return nil }
      if response.status == 200, ReachRules.isAnswer(response.body, to: answer.keyAuthorization) {
        return nil
      }
      let server = response.fields["Server"].map { " (\($0))" } ?? ""
      return "\(place) is another program's\(server): it answers \(response.status) and not with our token"
    } catch {
      if isServedByOthers, error.kind == .connect { return nil }
      return "\(place): \(error)"
    }
  }

  private func shakeHands(_ answer: ChallengeAnswer, at place: SocketAddress) async -> String? {
    do {
      let digest = try Digest.sha256(Array(answer.keyAuthorization.utf8))
      let chain = try await world.client.peerChain(
        at: place, serverName: answer.identifier.validationServerName,
        deadlineMilliseconds: Self.patienceMilliseconds, protocols: ["acme-tls/1"])
      // The digest is in the one extension that matters (RFC 8737 §3).
      guard let leaf = chain.first, leaf.indices.contains(where: { leaf[$0...].starts(with: digest) }) else {
        return "\(place) is another program's: it answers acme-tls/1 with a certificate that is not ours"
      }
      return nil
    } catch { return "\(place): \(error)" }
  }
}
