// The one writer of JSON (RFC 8259): commas, colons, indentation and quotes are its business, and order is the caller's.
// It checks nothing that the shape of the caller's code shows: that a member has a name and one value, and an element none.

/// Writes one JSON document into bytes, in the order in which it is told.
public struct JSONWriter: Sendable {
  /// How a document is laid out.
  public enum Layout: Sendable {
    /// On one line, without spaces.
    case line
    /// Two spaces a level, every member and element on a line of its own; `{}` and `[]` where there are none.
    case indented
  }

  /// A place that `goBack(to:)` returns to.
  public struct Place: Sendable {
    fileprivate let count: Int
    fileprivate let needsComma: Bool
  }

  /// What has been written: JSON once every object and array has ended.
  public private(set) var bytes: [UInt8] = []

  private let layout: Layout
  private let escaping: JSONString.Escaping
  private var depth = 0
  private var needsComma = false
  private var isBehindName = false

  /// A writer of an empty document.
  public init(_ layout: Layout = .line, _ escaping: JSONString.Escaping = .necessary) {
    self.layout = layout
    self.escaping = escaping
  }

  /// The text of what a closure writes.
  public static func text(_ layout: Layout = .line, _ body: (inout Self) -> Void) -> String {
    var writer = Self(layout)
    body(&writer)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  /// Writes an object of the members that a closure writes.
  public mutating func object(_ body: (inout Self) -> Void) {
    begin(UInt8(ascii: "{"))
    body(&self)
    end(UInt8(ascii: "}"))
  }

  /// Writes an array of the values that a closure writes.
  public mutating func array(_ body: (inout Self) -> Void) {
    begin(UInt8(ascii: "["))
    body(&self)
    end(UInt8(ascii: "]"))
  }

  /// Begins an object, for one who cannot end it in a closure.
  public mutating func beginObject() { begin(UInt8(ascii: "{")) }

  /// Ends the object that was begun last.
  public mutating func endObject() { end(UInt8(ascii: "}")) }

  /// Writes a member's name; its value has to follow.
  public mutating func name(_ name: String) {
    separate()
    JSONString.append(name, to: &bytes, escaping)
    bytes.append(UInt8(ascii: ":"))
    if layout == .indented { bytes.append(UInt8(ascii: " ")) }
    isBehindName = true
  }

  /// Writes a string.
  public mutating func string(_ text: String) {
    separate()
    JSONString.append(text, to: &bytes, escaping)
  }

  /// Writes a whole number.
  public mutating func integer(_ number: some BinaryInteger) { raw(String(number)) }

  /// Writes `true` or `false`.
  public mutating func boolean(_ value: Bool) { raw(value ? "true" : "false") }

  /// Writes `null`.
  public mutating func null() { raw("null") }

  /// Writes a value that is JSON already, as it is: the caller's word counts.
  public mutating func raw(_ json: String) {
    separate()
    bytes += json.utf8
  }

  /// Writes a member of an object: a string.
  public mutating func member(_ name: String, _ text: String) {
    self.name(name)
    string(text)
  }

  /// Writes a member of an object: a whole number.
  public mutating func member(_ name: String, _ number: some BinaryInteger) {
    self.name(name)
    integer(number)
  }

  /// Writes a member of an object: `true` or `false`.
  public mutating func member(_ name: String, _ value: Bool) {
    self.name(name)
    boolean(value)
  }

  /// Writes a member of an object: an object of the members that a closure writes.
  public mutating func object(_ name: String, _ body: (inout Self) -> Void) {
    self.name(name)
    object(body)
  }

  /// Writes a member of an object: an array of the values that a closure writes.
  public mutating func array(_ name: String, _ body: (inout Self) -> Void) {
    self.name(name)
    array(body)
  }

  /// Writes a member of an object: an array of strings.
  public mutating func member(_ name: String, _ texts: [String]) {
    array(name) { for text in texts { $0.string(text) } }
  }

  /// Where the writer stands, behind a whole value or at the beginning of an object or array.
  public var place: Place { Place(count: bytes.count, needsComma: needsComma) }

  /// Takes back what has been written since, in the same object or array.
  public mutating func goBack(to place: Place) {
    bytes.removeLast(bytes.count - place.count)
    needsComma = place.needsComma
    isBehindName = false
  }

  private mutating func begin(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    depth += 1
    needsComma = false
  }

  private mutating func end(_ bracket: UInt8) {
    depth -= 1
    if needsComma { breakLine() }
    bytes.append(bracket)
    needsComma = true
  }

  /// What stands between this name or value and what is before it.
  private mutating func separate() {
    if isBehindName {
      isBehindName = false
    } else {
      if needsComma { bytes.append(UInt8(ascii: ",")) }
      if depth > 0 { breakLine() }
    }
    needsComma = true
  }

  private mutating func breakLine() {
    guard layout == .indented else { return }
    bytes.append(0x0A)
    for _ in 0..<depth { bytes += [0x20, 0x20] }
  }
}
