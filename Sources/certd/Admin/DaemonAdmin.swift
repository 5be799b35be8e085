import CertStore
import Configuration
import OS
import Proxy
import Telemetry

/// Where the admin API is listened at.
enum AdminPlace: Hashable {
  case socket(String)
  case address(ListenAddress)
}

extension AdminPlace: CustomStringConvertible {
  /// For people.
  var description: String {
    switch self {
    case .socket(let path): "unix:\(path)"
    case .address(let address): "\(address)"
    }
  }
}

// Where the daemon shows what it does.
extension Daemon {
  /// The socket's name in the store.
  static let adminSocket = "admin.sock"

  /// Listens where the configuration says, and no longer elsewhere. What cannot be had is told and stops nothing.
  func openAdmin() {
    let wanted = adminPlaces
    for (place, listener) in admin where !wanted.contains(place) {
      listener.close()
      admin[place] = nil
    }
    for place in wanted {
      do throws(SetupError) {
        if let known = admin[place] {
          // Those that were good go on where the file is not, but not those of another file.
          if case .address = place, adminTokens != plan.configuration.admin.tokenFile?.value {
            known.replaceTokens([])
          }
          if let tokens = try tokens(place) { known.replaceTokens(tokens) }
          if case .address = place { adminTokens = plan.configuration.admin.tokenFile?.value }
          continue
        }
        let listener = try listen(place)
        admin[place] = listener
        if case .address = place { adminTokens = plan.configuration.admin.tokenFile?.value }
        var shown = "\(place)"
        if case .address = place, let address = listener.address { shown = "\(address)" }
        log.info("admin", ["listening": .text(shown)])
      } catch {
        log.warn(
          "admin", ["place": .describing(place), "reason": .text(error.description)])
      }
    }
  }

  private var adminPlaces: [AdminPlace] {
    let settings = plan.configuration.admin
    let socket: AdminPlace? =
      switch settings.socket {
      case .off: nil
      case .path(let path): .socket(path)
      case .inStore: .socket("\(store.root)/\(Self.adminSocket)")
      }
    return [socket, settings.address.map { .address($0) }].compactMap(\.self)
  }

  private func listen(_ place: AdminPlace) throws(SetupError) -> AdminListener {
    let tokens = try tokens(place)
    do throws(SystemError) {
      return try AdminListener(try Self.open(place), tokens: tokens) { [weak self] path in
        await self?.adminAnswer(path) ?? AdminAnswer(status: 503, body: "stopping\n")
      }
    } catch { throw .other("\(error)") }
  }

  /// Who may read there; nil where the socket's right is enough.
  private func tokens(_ place: AdminPlace) throws(SetupError) -> [[UInt8]]? {
    guard case .address = place else { return nil }
    guard let file = plan.configuration.admin.tokenFile else { throw .other("no token_file") }
    return try KeyFile.read(file, plan.configuration)
  }

  private static func open(_ place: AdminPlace) throws(SystemError) -> Descriptor {
    switch place {
    case .socket(let path): return try ListeningSocket.open(unixPath: path)
    case .address(let address):
      guard let socket = SocketAddress(host: address.host ?? "", port: address.port) else {
        throw SystemError(call: "bind", code: 0, subject: "\(address)")
      }
      return try ListeningSocket.open(socket, sharesPort: false)
    }
  }

  /// Takes no further question; the socket goes.
  func closeAdmin() {
    for (place, listener) in admin {
      listener.close()
      if case .socket(let path) = place { try? FileSystem().unlinkIfPresent(path) }
    }
    admin = [:]
  }

  private func adminAnswer(_ path: String) async -> AdminAnswer {
    switch path {
    case "/metrics":
      return AdminAnswer(status: 200, contentType: Exposition.contentType, body: await metrics().text)
    case "/healthz": return AdminAnswer(status: 200, body: "ok\n")
    default: return AdminAnswer(status: 404, body: "there are /metrics and /healthz\n")
    }
  }
}
