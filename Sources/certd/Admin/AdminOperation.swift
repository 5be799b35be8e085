import Configuration
import JSON

/// Something that the admin API can be asked for.
struct AdminOperation: Sendable {
  /// GET stands for HEAD too.
  let method: String
  /// Its path; parts in braces stand for any one part.
  let path: String
  /// It changes something: a token that may only read is not enough.
  let changes: Bool
  /// Answers a request; `arguments` are what stands for the parts in braces, decoded.
  let run: @Sendable (_ daemon: Daemon, _ request: AdminRequest, _ arguments: [String]) async -> AdminAnswer

  init(
    _ method: String, _ path: String, changes: Bool = false,
    _ run: @escaping @Sendable (Daemon, AdminRequest, [String]) async -> AdminAnswer
  ) {
    (self.method, self.path, self.changes, self.run) = (method, path, changes, run)
  }

  /// What stands for the parts in braces; nil for another path.
  func arguments(_ path: String) -> [String]? {
    let (own, parts) = (Self.parts(self.path), Self.parts(path))
    guard own.count == parts.count else { return nil }
    var arguments: [String] = []
    for (own, part) in zip(own, parts) {
      if own.hasPrefix("{") {
        guard let text = PercentText.decode(part), !text.isEmpty else { return nil }
        arguments.append(text)
      } else if own != part {
        return nil
      }
    }
    return arguments
  }

  private static func parts(_ path: String) -> [Substring] {
    path.split(separator: "/", omittingEmptySubsequences: false)
  }

  /// What belongs to the status page.
  static let page = ["/", "/events"]

  /// All of them.
  static let all: [AdminOperation] = [
    AdminOperation("GET", "/") { daemon, _, _ in await daemon.pageAnswer() },
    AdminOperation("GET", "/events") { daemon, _, _ in await daemon.pageEvents() },
    AdminOperation("GET", "/metrics") { daemon, request, _ in await daemon.metricsAnswer(request) },
    AdminOperation("GET", "/healthz") { daemon, _, _ in await daemon.readiness() },
    AdminOperation("GET", "/status") { daemon, _, _ in .json(await daemon.statusJSON()) },
    AdminOperation("GET", "/services") { daemon, _, _ in
      .json(["services": .array(await daemon.servicesJSON())])
    },
    AdminOperation("GET", "/backends") { daemon, _, _ in
      .json(["backends": .array(await daemon.backendsJSON())])
    },
    AdminOperation("GET", "/certificates") { daemon, _, _ in
      .json(["certificates": .array(await daemon.certificatesJSON())])
    },
    AdminOperation("GET", "/openapi.json") { _, _, _ in .json(AdminDocument.value) },
    AdminOperation("POST", "/explain") { daemon, request, _ in await daemon.explain(request) },
    AdminOperation("POST", "/reload", changes: true) { daemon, _, _ in await daemon.reloadAnswer() },
    AdminOperation("POST", "/upgrade", changes: true) { daemon, _, _ in await daemon.upgradeAnswer() },
    AdminOperation("POST", "/drain", changes: true) { daemon, request, _ in await daemon.leave(request) },
    AdminOperation("POST", "/backends/{service}/{backend}/drain", changes: true) { daemon, _, names in
      await daemon.edit(names) { await $0.drain($1, $2, true) }
    },
    AdminOperation("POST", "/backends/{service}/{backend}/undrain", changes: true) { daemon, _, names in
      await daemon.edit(names) { await $0.drain($1, $2, false) }
    },
    AdminOperation("POST", "/backends/{service}/{backend}/weight", changes: true) { daemon, request, names in
      await daemon.weigh(names, request)
    },
    AdminOperation("PUT", "/log/level", changes: true) { daemon, request, _ in
      await daemon.setLogLevel(request)
    },
  ]
}

/// Texts in a part of a path (RFC 3986 §2.1).
enum PercentText {
  /// The text; nil where it is not encoded as it should be, or no text.
  static func decode(_ part: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(part.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      let digits = String(decoding: rest.prefix(2), as: UTF8.self)
      guard digits.utf8.count == 2, digits.allSatisfy(\.isHexDigit), let value = UInt8(digits, radix: 16)
      else {
        return nil
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  /// The text with everything encoded that means something in a path.
  static func encode(_ text: String) -> String {
    text.utf8.map { byte in
      let character = Character(UnicodeScalar(byte))
      let isPlain = byte < 0x80 && (character.isLetter || character.isNumber || "-._~:".contains(character))
      let digits = String(byte, radix: 16, uppercase: true)
      return isPlain ? String(character) : "%" + (byte < 0x10 ? "0" : "") + digits
    }.joined()
  }
}

extension Daemon {
  /// What a request to the admin API gets.
  func answer(_ request: AdminRequest, _ right: AdminRight) async -> AdminAnswer {
    let found = AdminOperation.all.compactMap { one in one.arguments(request.path).map { (one, $0) } }
    guard !found.isEmpty else {
      let paths = AdminOperation.all.map { "\($0.method) \($0.path)" }.joined(separator: ", ")
      return .error(404, "not_found", "there are \(paths)")
    }
    let method = request.method == "HEAD" ? "GET" : request.method
    guard let (operation, arguments) = found.first(where: { $0.0.method == method }) else {
      let methods = found.map(\.0.method).flatMap { $0 == "GET" ? ["GET", "HEAD"] : [$0] }.joined(
        separator: ", ")
      var answer = AdminAnswer.error(405, "method_not_allowed", "only \(methods)")
      answer.extra.append(("Allow", methods))
      return answer
    }
    guard right > .page || AdminOperation.page.contains(operation.path) else {
      return .error(403, "page_only", "only \(AdminOperation.page.joined(separator: " and ")) are here")
    }
    guard !operation.changes || right == .change else {
      return .error(
        403, "read_only_token",
        "this way leads to reading only: send a token of admin.change_token_file, or use the Unix socket")
    }
    guard !operation.changes || !request.hasOrigin else {
      return .error(403, "from_a_page", "pages in browsers may read alone: use a command, or curl")
    }
    return await operation.run(self, request, arguments)
  }
}
