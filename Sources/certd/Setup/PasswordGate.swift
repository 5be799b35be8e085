import Bytes
import Configuration
import HTTP
import OS
import PKI
import Proxy
import Synchronization

/// Lets in who shows the name and password of a user (RFC 7617). Each right pair is verified once and then known by its hash:
/// what passwords are hashed with takes long on purpose.
final class PasswordGate: Sendable {
  /// The most lines of a file of users.
  static let maximumUsers = 10_000
  /// The largest file of users, in bytes.
  static let maximumFileBytes = 1 << 20
  /// The most pairs that are known.
  static let maximumKnown = 10_000
  /// The most requests whose passwords wait to be verified: one is at a time.
  static let maximumWaiting = 64

  private struct State {
    var known: Set<[UInt8]> = []
    var waiting = 0
  }

  private let users: [String: String]
  private let settings: BasicAuthSettings
  private let state = Mutex(State())
  private let queue = PasswordQueue()

  init(_ users: [String: String], _ settings: BasicAuthSettings) {
    self.users = users
    self.settings = settings
  }

  /// A gate of the users of a file; one that cannot be read lets nobody in.
  func gate() -> RouteGate {
    // Backends need no password.
    RouteGate(
      owned: ["authorization"] + (settings.userHeader.map { [$0] } ?? []),
      known: { question in
        guard let (name, password) = Self.shown(question) else { return self.refusal }
        return self.isKnown(name, password) ? self.pass(name) : nil
      },
      decide: { question, answer in
        guard let (name, password) = Self.shown(question) else { return answer(self.refusal) }
        self.decide(name, password, answer)
      })
  }

  private func decide(
    _ name: String, _ password: String, _ answer: @escaping @Sendable (RouteGate.Verdict) -> Void
  ) {
    let isTaken = state.withLock { state in
      guard state.waiting < Self.maximumWaiting else { return false }
      state.waiting += 1
      return true
    }
    guard isTaken else {
      return answer(.refuse(503, [Fields.Field("Retry-After", "1")], Array("too many logins wait\n".utf8)))
    }
    Task.detached { [self] in
      // A name that nobody has takes as long as one that somebody has.
      let hash = users[name] ?? users.values.first ?? ""
      let isRight = await queue.verify(password, hash) && users[name] != nil
      state.withLock { state in
        state.waiting -= 1
        guard isRight, let digest = digest(name, password) else { return }
        if state.known.count >= Self.maximumKnown { state.known = [] }
        state.known.insert(digest)
      }
      answer(isRight ? pass(name) : refusal)
    }
  }

  private func isKnown(_ name: String, _ password: String) -> Bool {
    guard let digest = digest(name, password) else { return false }
    return state.withLock { $0.known.contains(digest) }
  }

  private func digest(_ name: String, _ password: String) -> [UInt8]? {
    guard let hash = users[name] else { return nil }
    return try? Digest.sha256(Array("\(name)\0\(hash)\0\(password)".utf8))
  }

  private func pass(_ name: String) -> RouteGate.Verdict {
    .pass(settings.userHeader.map { [Fields.Field($0, name)] } ?? [])
  }

  private var refusal: RouteGate.Verdict {
    let challenge = "Basic realm=\"\(settings.realm)\", charset=\"UTF-8\""
    return .refuse(
      401, [Fields.Field("WWW-Authenticate", challenge), Fields.Field("Content-Type", "text/plain")],
      Array("a name and a password are needed\n".utf8))
  }

  private static func shown(_ question: RouteGate.Question) -> (name: String, password: String)? {
    guard let value = question.fields["Authorization"], value.lowercased().hasPrefix("basic "),
      let bytes = Base64.decode(String(value.dropFirst(6).drop { $0 == " " })),
      let text = String(validating: bytes, as: UTF8.self), let colon = text.firstIndex(of: ":")
    else { return nil }
    return (String(text[..<colon]), String(text[text.index(after: colon)...]))
  }

  // MARK: The file

  /// Names and hashes of a file as htpasswd writes it. Errors tell the line and never what stands on it.
  static func read(_ file: Located<String>, _ configuration: Configuration) throws(SetupError) -> [String:
    String]
  {
    func problem(_ message: String, _ hint: String? = nil) -> SetupError {
      .configuration(configuration.error(at: file.origin, message, hint: hint).description)
    }
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try FileSystem().read(file.value, limitInBytes: maximumFileBytes, followingLinks: true)
    } catch { throw problem("\(error)") }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw problem("\(file.value): is no text in UTF-8")
    }
    var users: [String: String] = [:]
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (number, line) in lines.enumerated() {
      let line = line.hasSuffix("\r") ? line.dropLast() : line
      guard let first = line.first, first != "#" else { continue }
      let place = "\(file.value):\(number + 1)"
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, let name = parts.first, let hash = parts.last else {
        throw problem("\(place): is no NAME:HASH", "write lines with htpasswd -B")
      }
      guard name.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
        throw problem("\(place): the name is none")
      }
      guard PasswordHash.prefixes.contains(where: { hash.hasPrefix($0) }) else {
        let kind =
          hash.hasPrefix("$apr1$") ? "Apache's MD5" : hash.hasPrefix("{SHA}") ? "plain SHA-1" : "unknown"
        throw problem(
          "\(place): the hash is \(kind), which is not verified",
          "write the line anew with htpasswd -B (bcrypt); known: \(PasswordHash.prefixes.joined(separator: " "))"
        )
      }
      guard users[String(name)] == nil else { throw problem("\(place): the name stands twice") }
      users[String(name)] = String(hash)
    }
    guard !users.isEmpty else {
      throw problem("\(file.value): there is no user in it", "add one with htpasswd -B")
    }
    guard users.count <= maximumUsers else { throw problem("\(file.value): more than \(maximumUsers) users") }
    guard PasswordHash.isAvailable else {
      throw problem(
        "there is no \(PasswordHash.library) on this machine to verify passwords with", "install libcrypt1")
    }
    return users
  }
}

/// Verifies one password at a time, on a thread of its own: whoever guesses gets no more of the machine than that.
private actor PasswordQueue {
  private var last: Task<Bool, Never>?

  func verify(_ password: String, _ hash: String) async -> Bool {
    let before = last
    let next = Task.detached {
      _ = await before?.value
      return (try? await OwnThread.run { PasswordHash.verify(password, hash) }) ?? false
    }
    last = next
    return await next.value
  }
}
