import CertStore
import Configuration
import OS
import Proxy
import Telemetry

/// Where the admin API is listened at.
enum AdminPlace: Hashable {
  case socket(String)
  case address(ListenAddress)
  /// For routes that lead here; a socket too.
  case route(AdminRight, path: String)
}

extension AdminPlace: CustomStringConvertible {
  /// For people.
  var description: String {
    switch self {
    case .socket(let path): "unix:\(path)"
    case .address(let address): "\(address)"
    case .route(let right, _): "admin:\(right.rawValue)"
    }
  }

  /// The path of a socket.
  var path: String? {
    switch self {
    case .socket(let path), .route(_, let path): path
    case .address: nil
    }
  }
}

extension AdminRight {
  /// The socket at which the admin API grants it, in the store.
  func socket(in directory: String) -> String { "\(directory)/admin-\(rawValue).sock" }
}

// Where the daemon shows what it does.
extension Daemon {
  /// The socket's name in the store.
  static let adminSocket = "admin.sock"

  /// Listens where the configuration says, and no longer elsewhere. What cannot be had is told and stops nothing.
  func openAdmin() {
    let wanted = adminPlaces
    let files = plan.configuration.admin.tokenFiles
    for (place, listener) in admin where !wanted.contains(place) {
      listener.close()
      if case .route(_, let path) = place { try? FileSystem().unlinkIfPresent(path) }
      admin[place] = nil
    }
    for place in wanted {
      do throws(SetupError) {
        if let known = admin[place] {
          // Those that were good go on where the file is not, but not those of another file.
          if case .address = place, adminFiles != files { known.replace(.init(read: [])) }
          known.replace(try rights(place))
          if case .address = place { adminFiles = files }
          continue
        }
        let listener = try listen(place)
        admin[place] = listener
        if case .address = place { adminFiles = files }
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
    let routes = plan.configuration.routedAdminRights.sorted().map {
      AdminPlace.route($0, path: $0.socket(in: store.root))
    }
    return [socket, settings.address.map { .address($0) }].compactMap(\.self) + routes
  }

  private func listen(_ place: AdminPlace) throws(SetupError) -> AdminListener {
    let rights = try rights(place)
    do throws(SystemError) {
      return try AdminListener(try Self.open(place), rights) { [weak self] request, right in
        await self?.answer(request, right) ?? .error(503, "unavailable", "certd is stopping")
      }
    } catch { throw .other("\(error)") }
  }

  /// Who may do what there: everything where the socket's right is enough.
  private func rights(_ place: AdminPlace) throws(SetupError) -> AdminListener.Rights {
    if case .route(let right, _) = place { return AdminListener.Rights(everybody: right) }
    guard case .address = place else { return .all }
    let settings = plan.configuration.admin
    guard let file = settings.tokenFile else { throw .other("no token_file") }
    var rights = AdminListener.Rights(read: try KeyFile.read(file, plan.configuration))
    if let file = settings.changeTokenFile { rights.change = try KeyFile.read(file, plan.configuration) }
    return rights
  }

  private static func open(_ place: AdminPlace) throws(SystemError) -> Descriptor {
    switch place {
    case .socket(let path), .route(_, let path): return try ListeningSocket.open(unixPath: path)
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
      if let path = place.path { try? FileSystem().unlinkIfPresent(path) }
    }
    admin = [:]
  }
}

extension AdminSettings {
  /// The files of tokens.
  fileprivate var tokenFiles: [String] { [tokenFile, changeTokenFile].map { $0?.value ?? "" } }
}
