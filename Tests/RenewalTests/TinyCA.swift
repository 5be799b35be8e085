import ACME
import Bytes
import CertStore
import FoundationEssentials
import HTTP
import OS
import PKI
import StoreFixtures
import Synchronization

/// A lenient CA in memory for one certificate of `example.com`: it verifies no signature, but it looks for
/// the answer on the challenge board, and takes the certificate's key from where a restart would find it, the
/// order in the store.
final class TinyCA: Transport {
  struct State {
    var hits: [String: Int] = [:]
    var isAuthorized = false
    var isFinalized = false
    var updates: [[UInt8]] = []
  }

  let store: CertStore
  let authority: TestAuthority
  private let clock: @Sendable () -> UnixTime
  private let state = Mutex(State())
  /// Requests whose path begins so are lost as though the process were being stopped.
  let lost = Mutex<String?>(nil)
  /// How far the CA's clock is ahead.
  let clockAhead = Mutex<Int64>(0)

  static let token = "to-ken_1"
  private static let base = "https://ca.test"

  init(_ store: CertStore, clock: @escaping @Sendable () -> UnixTime) throws {
    self.store = store
    self.clock = clock
    authority = try TestAuthority()
  }

  /// How often a path was asked for.
  func hits(_ path: String) -> Int { state.withLock { $0.hits[path] ?? 0 } }
  var accountUpdates: [[UInt8]] { state.withLock { $0.updates } }

  func send(_ request: HTTP.Request) async throws(TransportError) -> HTTP.Response {
    let path = request.url.target
    if let prefix = lost.withLock({ $0 }), path.hasPrefix(prefix) { throw TransportError(.cancelled, "") }
    let n = state.withLock { state in
      state.hits[path, default: 0] += 1
      return state.hits.values.reduce(0, +)
    }
    var (status, text, location) = answer(path, request)
    if text.isEmpty, path == "/cert" { (status, text) = (500, "no key in the store") }
    var fields: Fields = [
      .init("Replay-Nonce", "nonce-\(n)"),
      .init("Date", Self.httpDate(clock() + clockAhead.withLock { $0 })),
    ]
    if let location { fields.add("Location", Self.base + location) }
    return Response(status: status, fields: fields, body: Array(text.utf8))
  }

  private func answer(_ path: String, _ request: HTTP.Request) -> (Int, String, String?) {
    switch path {
    case "/dir":
      let names = ["newNonce", "newAccount", "newOrder", "renewalInfo"]
      let entries = names.map { #""\#($0)":"\#(Self.base)/\#($0)""# }.joined(separator: ",")
      return (200, "{\(entries)}", nil)
    case "/newNonce": return (200, "", nil)
    case "/newAccount": return (201, #"{"status":"valid","contact":["mailto:a@b.c"]}"#, "/account")
    case "/account":
      state.withLock { $0.updates.append(Self.payload(request)) }
      return (200, #"{"status":"valid"}"#, nil)
    case "/newOrder": return (201, order, "/order")
    case "/order": return (200, order, nil)
    case "/authz": return (200, authorization, nil)
    case "/challenge":
      let answer = store.challenges.answer(token: Self.token).map { String(decoding: $0, as: UTF8.self) }
      state.withLock { $0.isAuthorized = answer?.hasPrefix(Self.token + ".") ?? false }
      return (200, challenge, nil)
    case "/finalize":
      state.withLock { $0.isFinalized = true }
      return (200, order, nil)
    case "/cert": return (200, (try? chain()) ?? "", nil)
    default:
      guard path.hasPrefix("/renewalInfo/") else { return (404, "{}", nil) }
      let window = #"{"start":"\#(clock() + day)","end":"\#(clock() + 2 * day)"}"#
      return (200, #"{"suggestedWindow":\#(window)}"#, nil)
    }
  }

  private var order: String {
    let status = state.withLock { $0.isFinalized ? "valid" : $0.isAuthorized ? "ready" : "pending" }
    let base = Self.base
    return #"{"status":"\#(status)","identifiers":[{"type":"dns","value":"example.com"}],"#
      + #""authorizations":["\#(base)/authz"],"finalize":"\#(base)/finalize","certificate":"\#(base)/cert"}"#
  }

  private var authorization: String {
    let status = state.withLock { $0.isAuthorized ? "valid" : "pending" }
    return #"{"status":"\#(status)","identifier":{"type":"dns","value":"example.com"},"#
      + #""challenges":[\#(challenge)]}"#
  }

  private var challenge: String {
    let status = state.withLock { $0.isAuthorized ? "valid" : "pending" }
    return
      #"{"type":"http-01","url":"\#(Self.base)/challenge","status":"\#(status)","token":"\#(Self.token)"}"#
  }

  private func chain() throws -> String {
    struct Record: Decodable { let keyPEM: String }
    let path = store.root + "/certificates/example.com/order.json"
    let record = try JSONDecoder().decode(
      Record.self, from: Data(FileSystem().read(path, limitInBytes: 1 << 20)))
    let key = try PrivateKey(pem: Array(record.keyPEM.utf8))
    return String(decoding: try authority.chain(for: key, [.dns("example.com")]).pem, as: UTF8.self)
  }

  private static func payload(_ request: HTTP.Request) -> [UInt8] {
    struct JWS: Decodable { let payload: String }
    let jws = try? JSONDecoder().decode(JWS.self, from: Data(request.body))
    return jws.flatMap { Base64URL.decode($0.payload) } ?? []
  }

  /// Only days of January 2027 are needed here.
  private static func httpDate(_ time: UnixTime) -> String {
    let text = Array(time.description)
    return "Fri, \(String(text[8..<10])) Jan 2027 \(String(text[11..<19])) GMT"
  }
}
