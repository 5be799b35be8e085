import Configuration
import Proxy
import TLS

/// What goes on where one file of a configuration cannot be used: everything else, and of that part the last good state,
/// or nothing at all. Never something that lets in more than was configured.
final class Lenience {
  /// What was in use until now.
  struct State {
    let settings: Proxy.Settings
    let configuration: Configuration

    init(_ settings: Proxy.Settings, _ configuration: Configuration) {
      self.settings = settings
      self.configuration = configuration
    }
  }

  /// Nil at a start.
  private let before: State?
  /// What cannot be used, in words that tell the place.
  private(set) var problems: [String] = []

  init(before: State?) { self.before = before }

  /// The client check that the listener of an address goes on with; nil when it has had none, or one for other files or
  /// another mode, and is not served.
  func clients(_ address: String, _ wanted: ClientCertificates?, _ error: SetupError) -> ClientCheck? {
    let isSame = before?.configuration.listeners.contains { listener in
      guard let socket = try? ProxySettings.address(listener.address), "\(socket)" == address else {
        return false
      }
      return Self.isSame(listener.clientCertificates, wanted)
    }
    let last =
      isSame == true ? before?.settings.listeners.first { "\($0.address)" == address }?.clients : nil
    note(error, last == nil ? "the listener \(address) is not served until it can be" : nil)
    return last
  }

  /// The keys that a route goes on with; without any, it answers nobody.
  func keys(_ route: Proxy.Settings.Route, _ wanted: Located<String>, _ error: SetupError) -> [[UInt8]] {
    let places = before.map { zip($0.settings.routes, $0.configuration.routes) }
    let old = places?.first { made, _ in made.hosts == route.hosts && made.paths == route.paths }
    // Keys of another file are no last good state of this one, nor are none.
    let isSame = old?.1.keyFile?.value == wanted.value && old?.0.keys?.isEmpty == false
    let last = isSame ? old?.0.keys : nil
    note(error, last == nil ? "the route answers nobody until it can be" : nil)
    return last ?? []
  }

  /// Whom a service's backends are trusted by and who we are to them; nil when it has had neither, and has no backends.
  /// One that was for other files, or not verified, is no last good state.
  func security(
    _ service: Service, _ error: SetupError
  ) -> (trust: ClientContext.Trust, identity: Credential?)? {
    let old = before?.configuration.service(named: service.name)?.tls
    let isSame =
      old?.roots == service.tls.roots && old?.verify == service.tls.verify
      && old?.identity?.certificate == service.tls.identity?.certificate
    let last =
      isSame ? before?.settings.services.first { $0.name == service.name }?.backends.first : nil
    note(error, last == nil ? "the service \(service.name) has no backends until it can be" : nil)
    return last.map { ($0.trust, $0.tlsIdentity) }
  }

  private static func isSame(_ a: ClientCertificates?, _ b: ClientCertificates?) -> Bool {
    a?.mode == b?.mode && a?.ca.map(\.value) == b?.ca.map(\.value)
      && a?.crl.map(\.value) == b?.crl.map(\.value)
  }

  /// What is odd about a file of keys: what can be used of it is.
  func note(keys problem: String) { problems.append(problem) }

  /// A file of users that cannot be read: nobody is let in.
  func note(users error: SetupError) { note(error, "the route lets nobody in until it can be") }

  /// A file of content that cannot be read: what is answered with it is empty.
  func note(file error: SetupError) { note(error, "its answers are empty until it can be") }

  private func note(_ error: SetupError, _ consequence: String?) {
    problems.append("\(error); \(consequence ?? "what was good before goes on")")
  }
}
