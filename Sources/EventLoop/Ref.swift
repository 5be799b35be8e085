/// A slot of a slab, by reference: what is named behind it is read and written in place. It is good until its slot is given
/// out again, which is not before the events at hand have been dealt with (`Slab.recycle`).
@dynamicMemberLookup
@safe public struct Ref<Element: Slotted>: BitwiseCopyable, Hashable {
  @usableFromInline let base: UnsafeMutablePointer<Element>

  @inlinable
  @inline(__always)
  init(_ base: UnsafeMutablePointer<Element>) { unsafe self.base = unsafe base }

  /// Whether both lead to the same slot.
  @inlinable
  @inline(__always)
  public static func == (a: Self, b: Self) -> Bool { unsafe a.base == b.base }

  /// By the slot's place.
  public func hash(into hasher: inout Hasher) { unsafe hasher.combine(base) }

  /// The element itself.
  @inlinable
  @inline(__always)
  public var element: Element {
    get { unsafe base.pointee }
    nonmutating _modify { yield unsafe &base.pointee }
  }

  /// A property that can be changed.
  @inlinable
  @inline(__always)
  public subscript<Value>(dynamicMember path: WritableKeyPath<Element, Value>) -> Value {
    get { unsafe base.pointee[keyPath: path] }
    nonmutating _modify { yield unsafe &base.pointee[keyPath: path] }
  }

  /// A property that follows from others.
  @inlinable
  @inline(__always)
  public subscript<Value>(dynamicMember path: KeyPath<Element, Value>) -> Value {
    unsafe base.pointee[keyPath: path]
  }

  /// Where a property lies in memory, for what is linked through it.
  @inlinable
  @inline(__always)
  public func address<Value>(atOffset offset: Int, as _: Value.Type) -> UnsafeMutablePointer<Value> {
    unsafe (UnsafeMutableRawPointer(base) + offset).assumingMemoryBound(to: Value.self)
  }

  /// What a C-like owner field keeps of it.
  @inlinable public var raw: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(base) }

  /// What `raw` gave.
  @inlinable
  public init(raw: UnsafeMutableRawPointer) { unsafe base = unsafe raw.assumingMemoryBound(to: Element.self) }
}
