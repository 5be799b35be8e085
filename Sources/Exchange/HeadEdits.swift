/// What a route changes in heads that go one way.
public struct HeadEdits: BitwiseCopyable {
  /// Names of fields that are not passed on.
  public let drop: NameList
  /// Whole field lines that are added.
  public let set: RawBytes

  /// Edits as they are configured. Content-Length and Transfer-Encoding say where content ends: what is asked for them
  /// is not done.
  /// `add` stands beside what is there.
  public init(
    set fields: [(name: String, value: String)], remove: [String], add: [(name: String, value: String)] = [],
    _ arena: Arena
  ) {
    let added = fields.filter { !Self.framesContent($0.name) }
    set = Self.lines(added + add, arena)
    drop = NameList(added.map(\.name) + remove.filter { !Self.framesContent($0) }, arena)
  }

  /// Field lines of some fields.
  public static func lines(_ fields: [(name: String, value: String)], _ arena: Arena) -> RawBytes {
    arena.bytes(fields.flatMap { Array("\($0.name): \($0.value)\r\n".utf8) })
  }

  /// Whether a field says where content ends.
  public static func framesContent(_ name: String) -> Bool {
    ["content-length", "transfer-encoding"].contains(name.lowercased())
  }
}
