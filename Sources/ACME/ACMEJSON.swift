internal import FoundationEssentials

/// An answer that cannot be what was asked for; worth asking again.
struct Unusable: Error, Equatable {
  let reason: String
}

/// JSON between bytes and types (RFC 8259).
enum ACMEJSON {
  /// Decodes strictly: the whole body is one JSON value, and it has what the type needs.
  static func decode<T: Decodable>(_ type: T.Type, _ body: [UInt8], limitInBytes: Int) throws(Unusable) -> T {
    guard body.count <= limitInBytes else { throw Unusable(reason: "longer than \(limitInBytes) bytes") }
    do {
      return try JSONDecoder().decode(type, from: Data(body))
    } catch DecodingError.keyNotFound(let key, _) {
      throw Unusable(reason: "\(key.stringValue) is missing")
    } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
      throw Unusable(reason: "\(path(context)) has the wrong type")
    } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
      throw Unusable(reason: "\(path(context)) has a value that is not allowed")
    } catch {
      throw Unusable(reason: "not JSON")
    }
  }

  /// Encodes a payload; keys sorted, so that the same value is the same bytes.
  static func encode(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Our payloads are strings, booleans and arrays of them: nothing that JSON cannot hold.
    return (try? encoder.encode(value)).map(Array.init) ?? Array("{}".utf8)
  }

  private static func path(_ context: DecodingError.Context) -> String {
    let names = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
    return names.isEmpty ? "the value" : names.joined(separator: ".")
  }
}

/// An element that is left out when it cannot be decoded, so that a CA's novelty does not hide the rest.
struct Lenient<T: Decodable>: Decodable {
  let value: T?
  init(from decoder: any Decoder) throws { value = try? T(from: decoder) }
}
