/// The header or trailer fields of one message, in order, names compared without regard to case
/// (RFC 9110 §5). For the control plane; the data plane works on bytes in place.
public struct Fields: Sendable, Equatable, ExpressibleByArrayLiteral {
  /// One field line.
  public struct Field: Sendable, Equatable {
    /// The name as written.
    public var name: String
    /// The value without surrounding white space.
    public var value: String
    /// A field line.
    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// Every field line, in order.
  public private(set) var all: [Field]

  /// No fields, or the given ones.
  public init(_ fields: [Field] = []) { all = fields }
  /// Fields from a literal of lines.
  public init(arrayLiteral elements: Field...) { all = elements }

  /// The first value of a name; setting replaces every line of that name.
  public subscript(name: String) -> String? {
    get { all.first { sameName($0.name, name) }?.value }
    set {
      all.removeAll { sameName($0.name, name) }
      if let newValue { all.append(Field(name, newValue)) }
    }
  }

  /// Every value of a name, a line each: a name may come several times (RFC 9110 §5.3).
  public func values(_ name: String) -> [String] {
    all.filter { sameName($0.name, name) }.map(\.value)
  }

  /// Adds one line at the end.
  public mutating func add(_ name: String, _ value: String) { all.append(Field(name, value)) }
}

/// Whether two field names are the same (ASCII case folded).
func sameName(_ a: String, _ b: String) -> Bool {
  guard a.utf8.count == b.utf8.count else { return false }
  return zip(a.utf8, b.utf8).allSatisfy { lowered($0) == lowered($1) }
}

private func lowered(_ c: UInt8) -> UInt8 { (0x41...0x5A).contains(c) ? c | 0x20 : c }
