import Configuration
import OS
import Proxy
import TLS

/// A listener's TLS settings as the proxy is told them; every file that they name is read and checked here.
struct ListenerSecurity {
  let configuration: Configuration

  /// The largest file with authorities or revocation lists, in bytes.
  static let maximumFileBytes = 16 << 20

  /// The profile; nil for plain HTTP. Throws when the linked OpenSSL cannot speak what `custom` asks for.
  func profile(_ listener: Listener) throws(SetupError) -> Profile? {
    switch listener.tls {
    case .off: return nil
    case .modern: return .modern
    case .compatible: return .compatible
    case .restricted: return .restricted
    case .custom:
      guard let custom = listener.customTLS else { return .modern }
      let modern = Profile.modern
      let profile = Profile(
        allowsTLS12: custom.allowsTLS12,
        cipherList: custom.ciphers?.joined(separator: ":") ?? modern.cipherList,
        cipherSuites: custom.cipherSuites?.joined(separator: ":") ?? modern.cipherSuites,
        groups: custom.groups ?? modern.groups)
      do throws(ContextError) { try profile.check() } catch { throw problem(custom.origin, "\(error)") }
      return profile
    }
  }

  /// What is asked of clients; nil for nothing.
  func clients(_ listener: Listener) throws(SetupError) -> ClientCheck? {
    guard let clients = listener.clientCertificates else { return nil }
    let verification = try verification(clients)
    do throws(ContextError) { _ = try verification.inspect() } catch {
      throw problem(clients.origin, "\(error)")
    }
    return ClientCheck(verification: verification, forwardsNames: clients.names)
  }

  private func verification(_ clients: ClientCertificates) throws(SetupError) -> ClientVerification {
    var authorities: [[UInt8]] = []
    for file in clients.ca { authorities.append(try read(file)) }
    var lists: [[UInt8]] = []
    for file in clients.crl { lists.append(try read(file)) }
    return ClientVerification(
      mode: clients.mode == .request ? .request : .require, authoritiesPEM: authorities,
      revocationLists: lists)
  }

  /// What works but will refuse clients, such as a revocation list that has expired.
  func warnings() -> [String] {
    configuration.listeners.flatMap { listener in
      guard let clients = listener.clientCertificates, let verification = try? verification(clients),
        let found = try? verification.inspect()
      else { return [String]() }
      return found.map { configuration.error(at: clients.origin, $0).description }
    }
  }

  /// The files beside certificates whose changes count at once: authorities, revocation lists, the
  /// certificates that backends are shown, and keys.
  func files() -> [String] {
    configuration.listeners.flatMap { listener -> [String] in
      let clients = listener.clientCertificates
      return (clients?.ca ?? []).map(\.value) + (clients?.crl ?? []).map(\.value)
    }
      + configuration.services.flatMap { service -> [String] in
        (service.tls.identity.map { [$0.certificate, $0.key] } ?? []) + service.tls.roots
      } + configuration.routes.compactMap(\.keyFile?.value)
      + configuration.routes.compactMap { route in
        if case .basic(let basic) = route.auth { basic.users.value } else { nil }
      }
  }

  private func read(_ file: Located<String>) throws(SetupError) -> [UInt8] {
    do throws(SystemError) {
      return try FileSystem().read(file.value, limitInBytes: Self.maximumFileBytes, followingLinks: true)
    } catch { throw problem(file.origin, "\(error)") }
  }

  private func problem(_ origin: Origin, _ message: String) -> SetupError {
    .configuration(configuration.error(at: origin, message).description)
  }
}
