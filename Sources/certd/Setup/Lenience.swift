import Configuration
import Proxy
import TLS

/// What goes on where one file of a configuration cannot be used: everything else, and of that part the last good state,
/// or nothing at all. Never something that lets in more than was configured.
final class Lenience {
  /// What was in use until now; nil at a start.
  private let before: Proxy.Settings?
  /// What cannot be used, in words that tell the place.
  private(set) var problems: [String] = []

  init(before: Proxy.Settings?) { self.before = before }

  /// The client check that the listener of an address goes on with; nil when it has had none, and is not served.
  func clients(_ address: String, _ error: SetupError) -> ClientCheck? {
    let last = before?.listeners.first { "\($0.address)" == address }?.clients
    note(error, last == nil ? "the listener \(address) is not served until it can be" : nil)
    return last
  }

  /// The keys that a route goes on with; without any, it answers nobody.
  func keys(_ route: Proxy.Settings.Route, _ error: SetupError) -> [[UInt8]] {
    let last = before?.routes.first { $0.hosts == route.hosts && $0.paths == route.paths }?.keys
    note(error, last == nil ? "the route answers nobody until it can be" : nil)
    return last ?? []
  }

  /// Whom a service's backends are trusted by and who we are to them; nil when it has had neither, and has no backends.
  /// One that was not verified is no last good state of one that is.
  func security(
    _ service: String, verifies: Bool, _ error: SetupError
  ) -> (trust: ClientContext.Trust, identity: Credential?)? {
    let known = before?.services.first { $0.name == service }?.backends.first
    let last = known?.trust.verifies == verifies ? known : nil
    note(error, last == nil ? "the service \(service) has no backends until it can be" : nil)
    return last.map { ($0.trust, $0.tlsIdentity) }
  }

  private func note(_ error: SetupError, _ consequence: String?) {
    problems.append("\(error); \(consequence ?? "what was good before goes on")")
  }
}
