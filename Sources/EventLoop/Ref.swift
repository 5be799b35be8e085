/// A slot of a slab, by reference: what is named behind it is read and written in place. It is good until its slot is given
/// out again, which is not before the events at hand have been dealt with (`Slab.recycle`).
@dynamicMemberLookup
public struct Ref<Element: Slotted>: BitwiseCopyable, Hashable {
  @usableFromInline let base: UnsafeMutablePointer<Element>

  @inlinable
  @inline(__always)
  init(_ base: UnsafeMutablePointer<Element>) { self.base = base }

  /// The element itself.
  @inlinable
  @inline(__always)
  public var element: Element {
    get { base.pointee }
    nonmutating _modify { yield &base.pointee }
  }

  /// A property that can be changed.
  @inlinable
  @inline(__always)
  public subscript<Value>(dynamicMember path: WritableKeyPath<Element, Value>) -> Value {
    get { base.pointee[keyPath: path] }
    nonmutating _modify { yield &base.pointee[keyPath: path] }
  }

  /// A property that follows from others.
  @inlinable
  @inline(__always)
  public subscript<Value>(dynamicMember path: KeyPath<Element, Value>) -> Value {
    base.pointee[keyPath: path]
  }

  /// Where a property lies in memory, for what is linked through it.
  @inlinable
  @inline(__always)
  public func address<Value>(atOffset offset: Int, as _: Value.Type) -> UnsafeMutablePointer<Value> {
    (UnsafeMutableRawPointer(base) + offset).assumingMemoryBound(to: Value.self)
  }

  /// What a C-like owner field keeps of it.
  @inlinable public var raw: UnsafeMutableRawPointer { UnsafeMutableRawPointer(base) }

  /// What `raw` gave.
  @inlinable
  public init(raw: UnsafeMutableRawPointer) { base = raw.assumingMemoryBound(to: Element.self) }
}
