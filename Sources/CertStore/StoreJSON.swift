import FoundationEssentials

/// The JSON of the store's small records.
enum StoreJSON {
  /// The longest record that is read, in bytes.
  static let maximumRecordInBytes = 256 << 10

  /// Readable text for a file, ending in a line feed.
  static func file(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try [UInt8](encoder.encode(value)) + [0x0A]
  }

  /// One line, ending in a line feed. JSON never has a raw line feed inside a string.
  static func line(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try [UInt8](encoder.encode(value)) + [0x0A]
  }

  /// The value, or nil when the text is not that record.
  static func decode<T: Decodable>(_ type: T.Type, _ bytes: some Sequence<UInt8>) -> T? {
    try? JSONDecoder().decode(type, from: Data(bytes))
  }
}
