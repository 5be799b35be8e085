/// Recycled slots for plain structs behind stable pointers: no reference counting, no allocation after warm-up.
///
/// A released slot is not given out again before `recycle`, which its owner calls after each batch of events,
/// so that a pointer still on the stack of a handler never shows somebody else's connection.
@safe public struct Slab<Element: Slotted>: ~Copyable {
  private static var chunkBits: UInt32 { 6 }
  private static var chunkSize: Int { 1 << Int(chunkBits) }

  private var chunks: [UnsafeMutablePointer<Element>] = unsafe []
  private var free: [UInt32] = []
  private var dead: [UInt32] = []
  /// Slots in use.
  public private(set) var count = 0

  /// No slots yet.
  public init() {}

  deinit { unsafe chunks.forEach { chunk in unsafe chunk.deallocate() } }

  /// A slot, initialised to `Element()` with its index and generation set.
  public mutating func acquire() -> Ref<Element> {
    if free.isEmpty { grow() }
    let index = free.removeLast()
    let slot = unsafe pointer(index)
    let generation = unsafe slot.pointee.slot.generation
    unsafe slot.pointee = Element()
    unsafe slot.pointee.slot = Slot(index: index, generation: generation, isLive: true)
    count += 1
    return unsafe Ref(slot)
  }

  /// Gives a slot back. Its generation changes at once.
  public mutating func release(_ reference: Ref<Element>) {
    let slot = unsafe reference.base
    guard unsafe slot.pointee.slot.isLive else { return }
    unsafe slot.pointee.slot.isLive = false
    unsafe slot.pointee.slot.generation = unsafe (slot.pointee.slot.generation &+ 1) & 0xFF_FFFF
    unsafe dead.append(slot.pointee.slot.index)
    count -= 1
  }

  /// Makes released slots available again.
  public mutating func recycle() {
    guard !dead.isEmpty else { return }
    free.append(contentsOf: dead)
    dead.removeAll(keepingCapacity: true)
  }

  /// The slot of a token, or nil when it has been released since.
  public func find(index: UInt32, generation: UInt32) -> Ref<Element>? {
    guard unsafe Int(index >> Self.chunkBits) < chunks.count else { return nil }
    let slot = unsafe pointer(index)
    return unsafe slot.pointee.slot.isLive && slot.pointee.slot.generation == generation ? Ref(slot) : nil
  }

  /// Every slot in use at this moment, as a list of its own, so that slots may be released while it is walked.
  /// Not for the hot path.
  public var live: [Ref<Element>] {
    unsafe chunks.flatMap { chunk in
      (0..<Self.chunkSize).lazy.filter { unsafe chunk[$0].slot.isLive }.map { unsafe Ref(chunk + $0) }
    }
  }

  /// The next slot in use for which something holds, from where `cursor` stands, once around at most; the cursor moves
  /// behind it.
  public func next(
    _ cursor: inout UInt32, where holds: (Ref<Element>) -> Bool
  ) -> Ref<Element>? {
    let capacity = unsafe UInt32(chunks.count) << Self.chunkBits
    for _ in 0..<capacity {
      cursor = cursor &+ 1 < capacity ? cursor &+ 1 : 0
      let slot = unsafe Ref(pointer(cursor))
      if slot.slot.isLive, holds(slot) { return slot }
    }
    return nil
  }

  private func pointer(_ index: UInt32) -> UnsafeMutablePointer<Element> {
    unsafe chunks[Int(index >> Self.chunkBits)] + Int(index & (1 << Self.chunkBits - 1))
  }

  private mutating func grow() {
    let chunk = UnsafeMutablePointer<Element>.allocate(capacity: Self.chunkSize)
    unsafe chunk.initialize(repeating: Element(), count: Self.chunkSize)
    let first = unsafe UInt32(chunks.count) << Self.chunkBits
    unsafe chunks.append(chunk)
    for i in (0..<UInt32(Self.chunkSize)).reversed() { free.append(first + i) }
  }
}

/// What lives in a slab: a plain struct that knows its slot.
public protocol Slotted: BitwiseCopyable {
  /// A fresh value.
  init()
  /// Written by the slab.
  var slot: Slot { get set }
}

/// A place in a slab.
public struct Slot: BitwiseCopyable, Sendable {
  /// Where in the slab.
  public var index: UInt32
  /// How often the place has been released, modulo 2^24.
  public var generation: UInt32
  /// Whether it is in use.
  public var isLive: Bool

  /// A place; what is not given is filled in by the slab.
  public init(index: UInt32 = 0, generation: UInt32 = 0, isLive: Bool = false) {
    self.index = index
    self.generation = generation
    self.isLive = isLive
  }
}
