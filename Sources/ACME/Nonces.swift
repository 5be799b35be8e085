internal import HTTP

/// Anti-replay nonces not yet used (RFC 8555 §6.5). Each is handed out once, the newest first.
struct Nonces {
  private var unused: [String] = []

  /// The most kept; old ones expire at the CA anyway.
  static let maximumKept = 8
  /// The longest accepted nonce, in characters.
  static let maximumCharacters = 1024

  /// Takes the nonce of an answer, if it has a well-formed one (§6.5.1: base64url).
  mutating func keep(from fields: Fields) {
    guard let nonce = fields["Replay-Nonce"], !nonce.isEmpty, nonce.utf8.count <= Self.maximumCharacters,
      nonce.utf8.allSatisfy(isBase64URL)
    else { return }
    if unused.count == Self.maximumKept { unused.removeFirst() }
    unused.append(nonce)
  }

  mutating func take() -> String? { unused.popLast() }

  /// After one was refused the others are probably no better.
  mutating func forget() { unused.removeAll() }
}

/// The alphabet of nonces and tokens (RFC 4648 §5).
func isBase64URL(_ c: UInt8) -> Bool {
  (0x30...0x39).contains(c) || (0x41...0x5A).contains(c) || (0x61...0x7A).contains(c) || c == 0x2D
    || c == 0x5F
}
