import ACME
import Bytes
import CertStore
import Configuration
import OS
import PKI
import Proxy
import TLS

extension CertStore {
  /// The challenges that this process answers, kept in memory.
  func challengeMemory() -> ChallengeMemory {
    ChallengeMemory(
      challenges, monotonic: { OS.Clock.monotonicNanoseconds() },
      wall: { Int64(clamping: OS.Clock.wallNanoseconds()) })
  }
}

extension ChallengeMemory {
  /// How long a certificate for one validation is valid, in seconds; CAs ask within seconds.
  private static let validationSeconds: Int64 = 86_400

  /// What a TLS-ALPN-01 validation of a server name is shown (RFC 8737 §3), with a key of its own.
  func validationCredential(serverName: String) -> Credential? {
    guard let validation = validation(serverName: serverName),
      let identifier = Identifier(validation.identifier),
      let digest = Hex.decode(validation.keyAuthorizationSHA256),
      let key = try? PrivateKey.generate(.ecP256), let pem = try? key.pem(),
      let certificate = try? CertificateAuthority.makeValidation(
        identifier, keyAuthorizationSHA256: digest, key: key, notBefore: World.now() - 3600,
        lifetimeSeconds: Self.validationSeconds, serial: [1] + Random.bytes(15))
    else { return nil }
    return Credential(
      label: "validation of \(identifier)", chain: [certificate.der], privateKeyPEM: pem, names: [serverName])
  }
}

/// Answers challenges while a command orders, unless a daemon does already.
struct ChallengeAnswerer {
  /// The settings, with only the kind of challenge that can be answered where the preferred one cannot.
  let acme: ACMESettings
  private let listener: EdgeProxy?
  private let heldAddress: String?
  private let warn: @Sendable (String) -> Void

  /// Listens for the first kind of challenge that an address can be had for. One that is in use is a daemon's, most
  /// likely, which answers from the challenge directory; the next kind is listened for as well, in case it is not.
  init(
    _ acme: ACMESettings, _ store: CertStore, _ warn: @escaping @Sendable (String) -> Void
  ) throws(SetupError) {
    self.warn = warn
    var refusals: [String] = []
    var held: String?
    var kinds: [ChallengeType] = []
    var listener: EdgeProxy?
    var isAnswered = false
    for kind in acme.challenges {
      let isByOthers = kind == .dns01 || kind == .http01 && acme.http01.webroot != nil
      guard !isByOthers, !isAnswered else {
        kinds.append(kind)
        isAnswered = isAnswered || kind != .dns01
        continue
      }
      let wanted = kind == .http01 ? acme.http01.address : acme.tlsALPN01.address
      let address = try ProxySettings.address(wanted)
      do throws(ProxyError) {
        listener = try Self.listen(address, kind, store)
        kinds.append(kind)
        isAnswered = true
      } catch {
        if case .system(let reason) = error, reason.isAddressInUse {
          if held == nil { held = "\(wanted)" }
          kinds.append(kind)
        } else {
          refusals.append("\(kind.rawValue) answers need \(wanted): \(error)")
        }
      }
    }
    var acme = acme
    if kinds.isEmpty {
      for refusal in refusals { warn("\(refusal); going on without a listener") }
    } else {
      acme.challenges = kinds
    }
    (self.listener, heldAddress, self.acme) = (listener, held, acme)
  }

  private static func listen(
    _ address: SocketAddress, _ kind: ChallengeType, _ store: CertStore
  ) throws(ProxyError) -> EdgeProxy {
    var settings = Proxy.Settings()
    settings.listeners = [.init(address: address, profile: kind == .http01 ? nil : .modern)]
    let memory = store.challengeMemory()
    return try EdgeProxy(
      workers: 1, settings: settings, credentials: [], tickets: TicketKeys(random: { Random.bytes($0) }),
      challenge: { memory.answer(token: $0) },
      validation: { memory.validationCredential(serverName: $0) }, report: { _ in })
  }

  /// Stops listening.
  func finish(hasFailed: Bool) async {
    await listener?.drain(milliseconds: 1000)
    guard hasFailed, let heldAddress else { return }
    warn(
      "\(heldAddress) is held by another program; challenges are answered only if that is 'certd run' with this store"
    )
  }
}
