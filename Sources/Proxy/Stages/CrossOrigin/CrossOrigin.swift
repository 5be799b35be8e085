#if canImport(Glibc)
  import Glibc
#endif
internal import EventLoop
internal import Exchange
internal import HTTP
internal import Upstream

// What browsers are told about pages of other origins (Fetch section 3.2), and the answers to their preflights.
struct CrossOrigin: Stage {
  @inline(__always)
  func admit(
    _ worker: Worker, _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ route: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    guard let rules = unsafe route.pointee.crossOrigin else { return false }
    return unsafe worker.admitOrigin(client, base, rules, &route)
  }
}

/// A route's rules, with a form of the route for each origin: what differs between them are only fields that are added.
@safe struct CompiledCrossOrigin: BitwiseCopyable {
  private let origins: UnsafeMutablePointer<RawBytes>
  private let count: Int
  private let routes: UnsafeMutablePointer<CompiledRoute>
  private let isForAll: Bool
  /// Field lines for preflights.
  let preflight: RawBytes
  /// Whether preflights are told that they may send what they ask for.
  let takesAnyFields: Bool

  /// Fields of the CORS protocol that backends send are dropped: one answers for a route, and that is we.
  static let ownFields = [
    "access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers",
    "access-control-allow-methods", "access-control-allow-headers", "access-control-max-age",
  ]

  /// What is added to responses to a page of `origin`; nil for a page that may read nothing.
  static func added(_ rules: Settings.CrossOrigin, _ origin: String?) -> [(name: String, value: String)] {
    var lines: [(name: String, value: String)] = []
    if let origin {
      lines.append(("Access-Control-Allow-Origin", origin))
      if rules.credentials { lines.append(("Access-Control-Allow-Credentials", "true")) }
      if !rules.expose.isEmpty {
        lines.append(("Access-Control-Expose-Headers", rules.expose.joined(separator: ", ")))
      }
    }
    if rules.origins != ["*"] { lines.append(("Vary", "Origin")) }
    return lines
  }

  init(_ rules: Settings.CrossOrigin, _ routes: UnsafeMutablePointer<CompiledRoute>, _ arena: Arena) {
    count = rules.origins.count
    unsafe origins = unsafe arena.array(of: RawBytes.self, count: count)
    for (index, origin) in rules.origins.enumerated() {
      unsafe (origins + index).initialize(to: arena.bytes(Array(origin.utf8)))
    }
    isForAll = rules.origins == ["*"]
    unsafe self.routes = unsafe routes
    var lines = [
      ("Access-Control-Allow-Methods", rules.methods.joined(separator: ", ")),
      ("Access-Control-Max-Age", "\(rules.maxAge.count / 1000)"),
    ]
    if let fields = rules.headers, !fields.isEmpty {
      lines.append(("Access-Control-Allow-Headers", fields.joined(separator: ", ")))
    }
    preflight = HeadEdits.lines(lines.map { (name: $0.0, value: $0.1) }, arena)
    takesAnyFields = rules.headers == nil
  }

  /// The form of the route for an origin; nil for one that is not allowed.
  func route(for origin: UnsafePointer<UInt8>, _ length: Int) -> UnsafeMutablePointer<CompiledRoute>? {
    if isForAll { return unsafe routes }
    for index in 0..<count where unsafe origins[index].count == length {
      if unsafe memcmp(origins[index].start, origin, length) == 0 { return unsafe routes + index }
    }
    return nil
  }
}

extension Worker {
  private static let origin: StaticString = "origin"
  private static let requestMethod: StaticString = "access-control-request-method"
  private static let requestHeaders: StaticString = "access-control-request-headers"

  /// Goes on with the form of the route that tells the request's origin what it may do, or answers its preflight.
  fileprivate func admitOrigin(
    _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>,
    _ rules: UnsafeMutablePointer<CompiledCrossOrigin>, _ route: inout UnsafeMutablePointer<CompiledRoute>
  ) -> Bool {
    guard let (origin, count) = unsafe value(of: Self.origin, base) else { return false }
    let form = unsafe rules.pointee.route(for: origin, count)
    if let form = unsafe form { unsafe route = unsafe form }
    guard desk.request.method == .options, unsafe value(of: Self.requestMethod, base) != nil else {
      return false
    }
    unsafe answerPreflight(client, base, rules.pointee, isAllowed: unsafe form != nil, route)
    return true
  }

  private func answerPreflight(
    _ client: Ref<ClientConnection>, _ base: UnsafePointer<UInt8>, _ rules: CompiledCrossOrigin,
    isAllowed: Bool, _ route: UnsafeMutablePointer<CompiledRoute>
  ) {
    func text(_ start: UnsafePointer<UInt8>, _ count: Int) -> String {
      unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }
    var lines = "Vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
    if isAllowed {
      lines += unsafe text(rules.preflight.start, rules.preflight.count)
      if rules.takesAnyFields, let (asked, count) = unsafe value(of: Self.requestHeaders, base), count > 0 {
        lines += unsafe "Access-Control-Allow-Headers: \(text(asked, count))\r\n"
      }
    }
    unsafe respond(client, 204, lines, [], route: route)
  }

  /// The value of the first field of a name; nil when there is none.
  private func value(of name: StaticString, _ base: UnsafePointer<UInt8>) -> (UnsafePointer<UInt8>, Int)? {
    for i in 0..<desk.fields.count {
      let line = unsafe desk.fields.lines[i]
      if unsafe ASCII.same(base + Int(line.nameStart), Int(line.nameLength), name) {
        return unsafe (base + Int(line.valueStart), Int(line.valueLength))
      }
    }
    return nil
  }
}
