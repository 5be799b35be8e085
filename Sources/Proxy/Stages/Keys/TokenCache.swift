internal import APIKeys

/// Tokens that one worker has found right, by their hash: a signature costs a hundred times what a hash does.
struct TokenCache {
  private struct Slot {
    let hash: KeyRing.Hash
    /// Who has found it right: other routes take other tokens.
    let door: TokenDoor
    let ring: KeyRing
    let until: UInt64
  }

  /// The most tokens that are remembered. A new one takes the place of the one that its hash falls on.
  static let capacity = 1024
  /// How long a token counts as right without its signature being looked at again, in milliseconds: a key of the issuer's that
  /// is withdrawn verifies nothing any longer than that.
  static let rememberedMilliseconds: UInt64 = 60_000

  private var slots: [Slot?] = []

  /// The ring of a token; nil for one that is not remembered.
  func find(_ hash: KeyRing.Hash, of door: TokenDoor, now: UInt64) -> KeyRing? {
    guard !slots.isEmpty, let slot = slots[Self.place(hash)], slot.hash == hash, slot.door === door,
      now < slot.until
    else { return nil }
    return slot.ring
  }

  mutating func remember(_ hash: KeyRing.Hash, of door: TokenDoor, _ ring: KeyRing, now: UInt64) {
    if slots.isEmpty { slots = Array(repeating: nil, count: Self.capacity) }
    slots[Self.place(hash)] = Slot(
      hash: hash, door: door, ring: ring, until: now + Self.rememberedMilliseconds)
  }

  /// Other settings may take other tokens.
  mutating func forgetAll() { slots = [] }

  private static func place(_ hash: KeyRing.Hash) -> Int { hash.place(of: capacity) }
}
