import CertStore
import Configuration
import HTTPClient
import OS
import PKI
import Proxy
import Renewal
import TLS

/// Handshakes that show what is served where: the same for a renewal's proof, for `certd status` and in the daemon.
struct ProofOfService {
  let world: World

  /// For one handshake, in milliseconds.
  static let handshakeMilliseconds: UInt64 = 10_000
  /// How long a daemon may take to present what another process has stored, in seconds.
  static let patienceSeconds = 15

  /// Where something is served.
  struct Place: Sendable {
    let address: SocketAddress
    /// Sent before TLS begins: a PROXY header where the listener expects one of us.
    var preamble: [UInt8] = []
  }

  /// What a server presents.
  enum Finding: Equatable {
    /// The certificate.
    case current
    /// Another one.
    case other(PKI.Certificate?)
    /// Another one, but an address cannot be asked for by name: that may be as it should be.
    case undecided
    /// Nothing: nobody listens there, as far as one can tell.
    case absent(String)
    /// Nothing, for this reason.
    case unreachable(String)
  }

  /// The name to ask a server for so that it presents a certificate for these names; nil when there is none.
  /// `isOwn` tells which names no other certificate answers for first.
  static func serverName(_ names: [String], isOwn: (String) -> Bool = { _ in true }) -> String? {
    names.first(where: isOwn).map { $0.hasPrefix("*.") ? "certd-proof" + $0.dropFirst() : $0 }
  }

  /// The configuration's TLS listeners as they are reached from here.
  static func listeners(_ configuration: Configuration) throws(SetupError) -> [Place] {
    var found: [Place] = []
    for listener in configuration.listeners where listener.tls != .off {
      let address = try ProxySettings.address(listener.address).reachableLocally
      // The kernel connects to an address of this machine from the same one.
      let isTrusted = listener.proxyProtocolFrom.contains { $0.contains(address.ipBytes) }
      found.append(Place(address: address, preamble: isTrusted ? ProxyProtocol.ownHeader(.v2) : []))
    }
    return found
  }

  /// What is presented at a place for a name.
  func look(_ name: String, _ leaf: PKI.Certificate, at place: Place) async -> Finding {
    do throws(HTTPClientError) {
      let chain = try await world.client.peerChain(
        at: place.address, serverName: name, deadlineMilliseconds: Self.handshakeMilliseconds,
        preamble: place.preamble, accepts: leaf.peerKey)
      let presented = chain.first.flatMap { try? PKI.Certificate(der: $0) }
      if presented == leaf { return .current }
      return Identifier(name)?.isAddress ?? false ? .undecided : .other(presented)
    } catch { return error.kind == .connect ? .absent(error.description) : .unreachable(error.description) }
  }

  /// Every address of a server.
  static func addresses(_ host: String, _ port: UInt16) async throws -> [SocketAddress] {
    try await OwnThread.run { Result { try Resolver.resolve(host: host, port: port) } }.get()
  }

  /// What the deploy queue does for a server that must present a certificate: nil when it does.
  func prove(_ stored: StoredCertificate, _ host: String, _ port: UInt16) async -> String? {
    let leaf = stored.chain.leaf
    guard let name = Self.serverName(leaf.identifiers.map(\.description)) else { return nil }
    do {
      for address in try await Self.addresses(host, port) {
        switch await look(name, leaf, at: Place(address: address)) {
        case .current, .undecided: continue
        case .other(let other):
          let until = other.map { ", valid until \($0.notAfter)" } ?? ""
          return "\(address) presents another certificate for \(name)\(until)"
        case .absent(let why), .unreachable(let why): return "\(address): \(why)"
        }
      }
      return nil
    } catch { return "\(error)" }
  }

  /// Waits until every own listener that is up presents a certificate. Returns why one does not; a machine on which
  /// nothing listens has nothing to prove.
  func waitUntilServed(_ leaf: PKI.Certificate, _ name: String, at places: [Place]) async -> [String] {
    var failures: [String] = []
    for place in places {
      var finding = await look(name, leaf, at: place)
      for _ in 0..<(Self.patienceSeconds * 5) {
        guard case .other = finding else { break }
        try? await World.sleep(seconds: 0.2)
        finding = await look(name, leaf, at: place)
      }
      switch finding {
      case .current, .absent, .undecided: continue
      case .other: failures.append("\(place.address) goes on presenting another certificate")
      case .unreachable(let why): failures.append("\(place.address): \(why)")
      }
    }
    return failures
  }

  /// What one certificate answers for at most: a name, with one kind of key.
  private struct Claim: Hashable {
    let name: String
    let isRSA: Bool
  }

  /// Proves to the report that what was renewed is served by this machine's listeners.
  func prove(
    _ report: inout Report, _ managed: [Renewal.ManagedCertificate], _ store: CertStore,
    _ configuration: Configuration
  ) async throws(SetupError) {
    let renewed = report.certificates.filter { if case .renewed = $0.outcome { true } else { false } }
    let places = try Self.listeners(configuration)
    guard !renewed.isEmpty, !places.isEmpty, !configuration.routes.isEmpty else { return }
    // As the daemon presents them.
    var owners: [Claim: String] = [:]
    let stored = managed.compactMap { store.load($0.name, now: World.now()) }
    let presentation = Presentation(
      Credentials.load(configuration).credentials + stored.compactMap(Credentials.credential),
      now: World.now())
    for credential in presentation.credentials {
      let isRSA = credential.leaf?.peerKey == .rsa
      for name in credential.names where owners[Claim(name: name, isRSA: isRSA)] == nil {
        owners[Claim(name: name, isRSA: isRSA)] = credential.label
      }
    }
    for entry in renewed {
      let label = entry.name.description
      guard let leaf = store.load(entry.name, now: World.now())?.chain.leaf,
        let name = Self.serverName(
          leaf.identifiers.map(\.description),
          isOwn: { owners[Claim(name: $0, isRSA: leaf.peerKey == .rsa)] == label })
      else { continue }
      for failure in await waitUntilServed(leaf, name, at: places) {
        report.deploys.append(Report.Deploy(name: label, what: "proof of service", failure: failure))
      }
    }
  }
}

extension PKI.Certificate {
  /// What a client accepts so that it is shown this certificate and none with the same names and another kind of key.
  var peerKey: ClientContext.PeerKey {
    switch (keyTypeDescription.hasPrefix("RSA"), keyTypeDescription.hasPrefix("ECDSA")) {
    case (true, _): .rsa
    case (_, true): .ecdsa
    default: .any
    }
  }
}
