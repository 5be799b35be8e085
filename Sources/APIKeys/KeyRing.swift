internal import Bytes
internal import PKI

/// A group of keys, with what all of them may have together.
public struct KeyGroup: Sendable {
  /// Its name.
  public var name: String
  /// What all of its keys may have together.
  public var limits: KeyLimits
  /// Its keys.
  public var keys: [KeyRecord]

  /// A group.
  public init(name: String, limits: KeyLimits, keys: [KeyRecord]) {
    self.name = name
    self.limits = limits
    self.keys = keys
  }
}

/// The keys that a route takes, found by the hash of what a client shows. It never changes: other keys are another ring.
/// Entries stay where they are as long as the ring lives.
@safe public final class KeyRing: @unchecked Sendable {
  /// A SHA-256.
  public struct Hash: Sendable, Equatable, BitwiseCopyable {
    var words: (UInt64, UInt64, UInt64, UInt64)

    /// Nil for anything but 32 bytes.
    public init?(_ bytes: some Collection<UInt8>) {
      guard bytes.count == 32 else { return nil }
      var all: [UInt64] = [0, 0, 0, 0]
      for (index, byte) in bytes.enumerated() { all[index / 8] = all[index / 8] << 8 | UInt64(byte) }
      words = (all[0], all[1], all[2], all[3])
    }

    /// The 32 bytes at a place.
    @unsafe public init(at start: UnsafeRawPointer) {
      words = unsafe (
        UInt64(bigEndian: start.loadUnaligned(as: UInt64.self)),
        UInt64(bigEndian: start.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
        UInt64(bigEndian: start.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
        UInt64(bigEndian: start.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
      )
    }

    /// Its place in a table of so many, a power of two.
    public func place(of count: Int) -> Int { Int(words.1 & UInt64(count - 1)) }

    /// Compared in constant time.
    @inline(__always)
    public static func == (a: Hash, b: Hash) -> Bool {
      (a.words.0 ^ b.words.0) | (a.words.1 ^ b.words.1) | (a.words.2 ^ b.words.2) | (a.words.3 ^ b.words.3)
        == 0
    }
  }

  /// A key as requests need it.
  @safe public struct Entry: BitwiseCopyable {
    let hash: Hash
    /// Until when this hash is taken, in milliseconds since the epoch.
    let validUntil: UInt64
    /// Who it is, as a number: a hash of group and id, never 0.
    public let number: UInt64
    /// How much it may have, and its group.
    public let limits: KeyLimits
    /// What its group may have.
    public let groupLimits: KeyLimits
    /// How urgent its requests are.
    public let priority: KeyPriority
    /// What it has used.
    public let usage: Unmanaged<KeyUsage>
    /// What its group has used; nil for a group without limits.
    public let groupUsage: Unmanaged<KeyUsage>?
    let models: UnsafeMutableBufferPointer<Pattern>
    let addresses: UnsafeMutableBufferPointer<AddressBlock>
    /// What it is called in logs.
    public let id: UnsafeRawBufferPointer

    /// Whether it is for some models only.
    public var isForSomeModels: Bool { unsafe models.count > 0 }
    /// Whether it is used from some addresses only.
    public var isForSomeAddresses: Bool { unsafe addresses.count > 0 }
    /// Whether tokens are counted for it.
    public var limitsTokens: Bool { limits.limitsTokens || groupLimits.limitsTokens }
    /// Whether requests with it are read before they go anywhere.
    public var readsContent: Bool { isForSomeModels || limitsTokens }

    /// Whether it is taken at a time, in milliseconds since the epoch.
    public func isValid(at now: UInt64) -> Bool { now < validUntil }

    /// Whether it may be used from an address, as `AddressBlock.number(of:)` gives it.
    public func allows(address: UInt128) -> Bool {
      for i in unsafe 0..<addresses.count where unsafe addresses[i].contains(address) { return true }
      return unsafe addresses.isEmpty
    }

    /// Whether it may ask for a model.
    public func allows(model name: UnsafeRawBufferPointer) -> Bool {
      for i in unsafe 0..<models.count where unsafe models[i].matches(name) { return true }
      return unsafe models.isEmpty
    }
  }

  /// A whole name, or the beginning of one.
  @safe struct Pattern: BitwiseCopyable {
    let text: UnsafeRawBufferPointer
    let isPrefix: Bool

    func matches(_ name: UnsafeRawBufferPointer) -> Bool {
      guard unsafe isPrefix ? name.count >= text.count : name.count == text.count else { return false }
      for i in unsafe 0..<text.count where unsafe name[i] != text[i] { return false }
      return true
    }
  }

  private let entries: UnsafeMutableBufferPointer<Entry>
  private let slots: UnsafeMutableBufferPointer<Int32>
  private var memory: [UnsafeMutableRawPointer] = unsafe []
  private let usages: [KeyUsage]
  /// How many hashes are taken.
  public let count: Int

  /// A ring of some groups; `usage` finds what a key (or with an empty id a group) has used so far.
  public init(_ groups: [KeyGroup], usage: (_ group: String, _ id: String) -> KeyUsage) {
    var made: [Entry] = []
    var kept: [KeyUsage] = []
    var blocks: [UnsafeMutableRawPointer] = unsafe []
    for group in groups {
      let shared = group.limits == KeyLimits() ? nil : usage(group.name, "")
      if let shared { kept.append(shared) }
      for key in group.keys where key.group == group.name && key.revoked == nil {
        let own = usage(group.name, key.id)
        kept.append(own)
        let hashes = Self.hashes(of: key)
        guard !hashes.isEmpty else { continue }
        let models = unsafe Self.patterns(key.models, &blocks)
        let addresses = unsafe Self.array(key.addresses.compactMap { AddressBlock($0) }, &blocks)
        let id = unsafe Self.text(key.id, &blocks)
        for (hash, until) in hashes {
          unsafe made.append(
            Entry(
              hash: hash, validUntil: until, number: Self.number(group.name, key.id), limits: key.limits,
              groupLimits: group.limits, priority: key.priority, usage: .passUnretained(own),
              groupUsage: shared.map { unsafe .passUnretained($0) }, models: models, addresses: addresses,
              id: id))
        }
      }
    }
    count = made.count
    usages = kept
    unsafe memory = unsafe blocks
    unsafe entries = .allocate(capacity: max(1, made.count))
    _ = unsafe entries.initialize(fromContentsOf: made)
    var size = 8
    while size < made.count * 2 { size *= 2 }
    unsafe slots = .allocate(capacity: size)
    unsafe slots.initialize(repeating: -1)
    for (index, entry) in made.enumerated() {
      var slot = Int(entry.hash.words.0 & UInt64(size - 1))
      while unsafe slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
      unsafe slots[slot] = Int32(index)
    }
  }

  deinit {
    unsafe entries.deallocate()
    unsafe slots.deallocate()
    unsafe memory.forEach { unsafe $0.deallocate() }
  }

  /// The entry of a hash; nil when no key has it. What the search takes depends on the hash alone, which nobody can choose.
  public func find(_ hash: Hash) -> UnsafeMutablePointer<Entry>? {
    guard let first = unsafe entries.baseAddress else { return nil }
    let mask = unsafe slots.count - 1
    var slot = Int(hash.words.0 & UInt64(mask))
    while unsafe slots[slot] >= 0 {
      let entry = unsafe first + Int(slots[slot])
      if unsafe entry.pointee.hash == hash { return unsafe entry }
      slot = (slot + 1) & mask
    }
    return nil
  }

  /// What is hashed in place of a secret for a client that has shown a certificate.
  public static let certificatePrefix: StaticString = "client-certificate\0"

  /// The hashes that a key is found by, each with the time until which it is taken.
  private static func hashes(of key: KeyRecord) -> [(Hash, UInt64)] {
    let expires = key.expires.map { milliseconds($0) } ?? .max
    var all: [(Hash, UInt64)] = []
    if let hash = key.sha256.flatMap({ Hex.decode($0) }).flatMap({ Hash($0) }) { all.append((hash, expires)) }
    if let (old, until) = key.previous, let hash = Hex.decode(old).flatMap({ Hash($0) }) {
      all.append((hash, min(expires, milliseconds(until))))
    }
    if let name = key.certificate,
      let hash = (try? Digest.sha256(Array("\(certificatePrefix)\(name)".utf8))).flatMap({ Hash($0) })
    {
      all.append((hash, expires))
    }
    return all
  }

  private static func milliseconds(_ time: UnixTime) -> UInt64 {
    UInt64(max(0, min(time.seconds, 1 << 40))) * 1000
  }

  /// A number for a key, of FNV-1a.
  public static func number(_ group: String, _ id: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in "\(group)/\(id)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return max(1, hash ^ hash >> 32)
  }

  private static func text(_ text: String, _ blocks: inout [UnsafeMutableRawPointer])
    -> UnsafeRawBufferPointer
  {
    unsafe UnsafeRawBufferPointer(array(Array(text.utf8), &blocks))
  }

  private static func patterns(_ texts: [String], _ blocks: inout [UnsafeMutableRawPointer])
    -> UnsafeMutableBufferPointer<Pattern>
  {
    var patterns: [Pattern] = []
    for pattern in texts {
      let isPrefix = pattern.hasSuffix("*")
      unsafe patterns.append(
        Pattern(text: text(isPrefix ? String(pattern.dropLast()) : pattern, &blocks), isPrefix: isPrefix))
    }
    return unsafe array(patterns, &blocks)
  }

  private static func array<T: BitwiseCopyable>(_ values: [T], _ blocks: inout [UnsafeMutableRawPointer])
    -> UnsafeMutableBufferPointer<T>
  {
    let memory = UnsafeMutableBufferPointer<T>.allocate(capacity: max(1, values.count))
    _ = unsafe memory.initialize(fromContentsOf: values)
    if let base = memory.baseAddress { unsafe blocks.append(UnsafeMutableRawPointer(base)) }
    return unsafe UnsafeMutableBufferPointer(rebasing: memory[..<values.count])
  }
}
