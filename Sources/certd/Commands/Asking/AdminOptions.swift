import ArgumentParser
import Configuration
import HTTP
import HTTPClient
import JSON
import OS

/// For commands that ask the running daemon.
struct AdminOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Configuration file that names the store, or the admin socket.")
  var config: String?

  @Option(help: "Directory of the certificate store, in which the admin socket is.")
  var store: String?

  @Option(help: "The admin socket itself.")
  var socket: String?

  /// Where the daemon is asked, and how that was found.
  func place() throws(SetupError) -> AdminLocation {
    try AdminLocation.find(config: config, store: store, socket: socket)
  }
}

/// Where a running daemon is asked.
struct AdminLocation: Sendable {
  let path: String
  /// What says so.
  let from: String

  static func find(config: String?, store: String?, socket: String?) throws(SetupError) -> AdminLocation {
    if let socket { return AdminLocation(path: socket, from: "--socket") }
    if let store { return AdminLocation(path: try inStore(store), from: "--store") }
    let source = ConfigurationSource.usual(config == "off" ? nil : config, store: nil)
    guard case .file(let file, _) = source else {
      return AdminLocation(path: try inStore(StoreLocation.path(nil)), from: "the usual store")
    }
    let configuration = try source.read().configuration
    switch configuration.admin.socket {
    case .off:
      throw .other("\(file): admin.socket is off, so that nobody can ask the daemon; name a place there")
    case .path(let path): return AdminLocation(path: path, from: "admin.socket in \(file)")
    case .inStore:
      let store = StoreLocation.path(configuration.store)
      return AdminLocation(path: try inStore(store), from: "the store of \(file)")
    }
  }

  private static func inStore(_ store: String) throws(SetupError) -> String {
    do throws(SystemError) {
      return try FileSystem().absolutePath("\(store)/\(Daemon.adminSocket)")
    } catch { throw .other("\(error)") }
  }
}

/// The admin API as commands use it.
struct AdminClient: Sendable {
  let place: AdminLocation
  private let client: HTTPClient

  /// The largest answer that is read, in bytes.
  static let maximumAnswerBytes = 16 << 20
  /// How long an answer is waited for, in milliseconds.
  static let patienceMilliseconds: UInt64 = 90_000

  init(_ options: AdminOptions) throws(SetupError) { try self.init(options.place()) }

  init(_ place: AdminLocation) throws(SetupError) {
    self.place = place
    do throws(HTTPClientError) { client = try HTTPClient() } catch { throw .other("\(error)") }
  }

  /// Why nobody answers, and what to do.
  private func absence(_ reason: String) -> String {
    let isThere = (try? FileSystem().status(place.path)) != nil
    let what = isThere ? "it is there, but \(reason)" : "there is no such socket"
    return
      "no running certd answers at \(place.path) (\(place.from)): \(what). Start one with 'certd run', or name its "
      + "configuration, store or socket with --config, --store or --socket; the socket is for certd's own user"
  }

  /// What is answered, whatever its status.
  func send(
    _ method: String, _ target: String, _ body: JSONValue? = nil
  ) async throws(SetupError) -> (status: Int, bytes: [UInt8]) {
    guard let address = SocketAddress(unixPath: place.path) else {
      throw .other("\(place.path) is too long for the path of a socket")
    }
    guard let url = URL("http://certd\(target)") else { throw .other("\(target) cannot be asked for") }
    let fields: [Fields.Field] = body == nil ? [] : [.init("Content-Type", "application/json")]
    let request = Request(
      method, url, fields: Fields(fields), body: body.map { Array($0.text.utf8) } ?? [])
    do throws(HTTPClientError) {
      let response = try await client.send(
        request,
        .init(
          address: address, deadlineMilliseconds: Self.patienceMilliseconds,
          maximumBodyBytes: Self.maximumAnswerBytes, keepsAlive: false))
      return (response.status, response.body)
    } catch { throw .other(absence(error.reason)) }
  }

  /// The JSON that is answered; an error in the daemon's words where it refuses.
  func ask(_ method: String, _ target: String, _ body: JSONValue? = nil) async throws(SetupError) -> JSONValue
  {
    let (status, bytes) = try await send(method, target, body)
    guard let value = try? JSONValue(parsing: bytes) else {
      throw .other("\(place.path) does not answer as certd does: is it another version?")
    }
    guard status < 300 else {
      throw .other(value["error"]?["message"]?.string ?? "\(method) \(target) is answered with \(status)")
    }
    return value
  }
}

extension JSONValue {
  /// As YAML: blocks of members and elements, texts in JSON's own quotes, which YAML reads (YAML 1.2 §7.3.1).
  var yaml: String { yamlLines.joined(separator: "\n") }

  private var yamlLines: [String] {
    switch self {
    case .object(let members) where !members.isEmpty:
      members.sorted { $0.key < $1.key }.flatMap { name, value in
        let lines = value.yamlLines
        let isPlain = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        let name = isPlain ? name : JSONValue.string(name).text
        guard value.isBlock else { return ["\(name): \(lines.first ?? "")"] }
        return ["\(name):"] + lines.map { "  \($0)" }
      }
    case .array(let elements) where !elements.isEmpty:
      elements.flatMap { value in
        value.yamlLines.enumerated().map { index, line in index == 0 ? "- \(line)" : "  \(line)" }
      }
    default: [text]
    }
  }

  private var isBlock: Bool { !members.isEmpty || !elements.isEmpty }

  /// A short text of a plain value, for a cell of a table.
  var cell: String {
    switch self {
    case .null: "-"
    case .bool(let value): value ? "yes" : "no"
    case .number(let text), .string(let text): text
    case .array, .object: text
    }
  }

  /// A member for a cell of a table.
  func cell(_ name: String) -> String { self[name]?.cell ?? "-" }
}
