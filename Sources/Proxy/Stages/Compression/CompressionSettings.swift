internal import Exchange
internal import HTTP

extension Settings {
  /// How the responses of a service are compressed for clients that ask for it. Initial values are what holds where the
  /// file says nothing.
  public struct Compression: Sendable, Equatable {
    /// Media types, lower-case and without parameters: whole ones, or `text/*` for all of a kind.
    public var types = [
      "text/*", "application/json", "application/problem+json", "application/ld+json",
      "application/javascript",
      "application/manifest+json", "application/xml", "application/xhtml+xml", "application/wasm",
      "image/svg+xml",
    ]
    /// Content that is known to be shorter passes as it is, in bytes.
    public var minimumSize = 1024
    /// zlib's level, 1 (quick) to 9 (small).
    public var level = 1
    /// The defaults.
    public init() {}
  }
}

/// The same as the response path sees it.
struct CompiledCompression: BitwiseCopyable {
  let level: Int32
  let minimumBytes: UInt64
  private let types: NameList
  /// `text` for `text/*`.
  private let kinds: NameList

  init(_ compression: Settings.Compression, _ arena: Arena) {
    level = Int32(clamping: min(9, max(1, compression.level)))
    minimumBytes = UInt64(clamping: compression.minimumSize)
    types = NameList(compression.types.filter { !$0.hasSuffix("/*") }, arena)
    kinds = NameList(compression.types.filter { $0.hasSuffix("/*") }.map { String($0.dropLast(2)) }, arena)
  }

  /// Whether content of a Content-Type field's value is to be compressed. Streams of messages never are: each must
  /// leave as it is, when it is there.
  func covers(_ value: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    var length = 0
    while length < count, unsafe value[length] != 0x3B, unsafe value[length] != 0x20,
      unsafe value[length] != 0x09
    { length += 1 }
    var kind = 0
    while kind < length, unsafe value[kind] != 0x2F { kind += 1 }
    guard kind < length, unsafe !Self.isStream(value, length) else { return false }
    return unsafe types.contains(value, length) || kinds.contains(value, kind)
  }

  private static func isStream(_ type: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    let isGRPC = unsafe length >= 16 && ASCII.same(type, 16, "application/grpc")
    return isGRPC || streams.contains { unsafe ASCII.same(type, length, $0) }
  }

  private static let streams: [StaticString] = [
    "text/event-stream", "application/x-ndjson", "application/ndjson", "application/jsonl",
    "application/x-jsonlines", "application/json-seq", "application/stream+json",
    "multipart/x-mixed-replace",
  ]
}
