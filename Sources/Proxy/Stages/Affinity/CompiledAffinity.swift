internal import Bytes
internal import Exchange
internal import PKI
internal import Upstream

/// What keeps clients of a service at a backend, as the request path sees it.
@safe struct CompiledAffinity: BitwiseCopyable {
  enum Source: BitwiseCopyable { case cookie, header, address, key }

  /// What a cookie holds, in characters: so many that nobody finds another one's by trying.
  static let tokenCharacters = 32

  let source: Source
  /// The cookie's or the field's name.
  let name: RawBytes
  /// What each backend is called in the cookie, one behind another.
  let tokens: UnsafeMutablePointer<UInt8>
  let count: Int
  /// The field line without the token: what stands before it, and what behind.
  let before: RawBytes
  let behind: RawBytes

  init(_ affinity: Settings.Affinity, _ service: Settings.Service, secret: [UInt8], _ arena: Arena) {
    count = min(service.backends.count, Balancer.maximumBackends)
    var line = ""
    switch affinity.source {
    case .cookie(let name):
      (source, self.name) = (.cookie, arena.bytes(Array(name.utf8)))
      line = "Set-Cookie: \(name)="
    case .header(let name): (source, self.name) = (.header, arena.bytes(Array(name.lowercased().utf8)))
    case .address: (source, name) = (.address, arena.bytes([]))
    case .key: (source, name) = (.key, arena.bytes([]))
    }
    before = arena.bytes(Array(line.utf8))
    let age = affinity.seconds.map { "; Max-Age=\($0)" } ?? ""
    behind = arena.bytes(
      Array("; Path=\(affinity.path)\(age); HttpOnly; Secure; SameSite=Lax\r\n".utf8))
    let room = Self.tokenCharacters
    unsafe tokens = unsafe arena.array(of: UInt8.self, count: max(1, count * room))
    for (place, backend) in service.backends.prefix(count).enumerated() {
      let token = Self.token("\(service.name) \(backend.key)", secret)
      for (at, character) in token.enumerated() { unsafe tokens[place * room + at] = character }
    }
  }

  /// A backend's name in cookies: it tells nobody who has not the secret which one it is.
  static func token(_ name: String, _ secret: [UInt8]) -> [UInt8] {
    let keyed = (try? Digest.hmac(key: secret, Array(name.utf8))) ?? []
    return Array(Hex.encode(Array(keyed.prefix(tokenCharacters / 2))).utf8)
  }

  /// A hash of what a backend is called in the cookie; never 0.
  func hash(_ place: Int) -> UInt64 {
    let token = unsafe UnsafeBufferPointer(
      start: tokens + place * Self.tokenCharacters, count: Self.tokenCharacters)
    return unsafe Rendezvous.hash(token) | 1
  }
}
