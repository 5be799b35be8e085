/// Spans as OTLP has them (opentelemetry-proto 1.x, trace/v1): the few messages that are needed, written by hand. Generated code
/// and its library would take longer to build than all of this module.
public enum OTLP {
  /// The content type of what is sent.
  public static let contentType = "application/x-protobuf"

  /// An ExportTraceServiceRequest with these spans of one service.
  public static func request(_ spans: [TraceSpan], service: String, version: String) -> [UInt8] {
    var resource = ProtobufWriter()
    resource.message(1, attribute("service.name", .text(service)))
    resource.message(1, attribute("service.version", .text(version)))
    var scope = ProtobufWriter()
    scope.text(1, "certd")
    scope.text(2, version)
    var ofScope = ProtobufWriter()
    ofScope.message(1, scope)
    for span in spans { ofScope.message(2, Self.span(span)) }
    var ofResource = ProtobufWriter()
    ofResource.message(1, resource)
    ofResource.message(2, ofScope)
    var request = ProtobufWriter()
    request.message(1, ofResource)
    return request.bytes
  }

  /// One Span.
  static func span(_ span: TraceSpan) -> ProtobufWriter {
    var out = ProtobufWriter()
    out.data(1, bigEndian(span.trace.high) + bigEndian(span.trace.low))
    out.data(2, bigEndian(span.span))
    if span.parent != 0 { out.data(4, bigEndian(span.parent)) }
    out.text(5, span.name)
    out.number(6, span.kind.rawValue)
    out.fixed(7, span.start)
    out.fixed(8, span.end)
    for one in span.attributes { out.message(9, attribute(one.name, one.value)) }
    for event in span.events {
      var message = ProtobufWriter()
      message.fixed(1, event.time)
      message.text(2, event.name)
      out.message(11, message)
    }
    if span.isError {
      var status = ProtobufWriter()
      status.number(3, 2)
      out.message(15, status)
    }
    return out
  }

  private static func attribute(_ name: String, _ value: TraceSpan.Value) -> ProtobufWriter {
    var any = ProtobufWriter()
    switch value {
    case .text(let text): any.text(1, text)
    case .number(let number): any.number(3, UInt64(bitPattern: number))
    }
    var out = ProtobufWriter()
    out.text(1, name)
    out.message(2, any)
    return out
  }

  private static func bigEndian(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
  }
}

/// Writes Protocol Buffers' wire format.
struct ProtobufWriter: Equatable {
  private(set) var bytes: [UInt8] = []

  private mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: value))
  }

  /// A whole number or an enumeration.
  mutating func number(_ field: UInt64, _ value: UInt64) {
    varint(field << 3)
    varint(value)
  }

  /// Eight bytes.
  mutating func fixed(_ field: UInt64, _ value: UInt64) {
    varint(field << 3 | 1)
    for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(shift)))) }
  }

  /// Bytes.
  mutating func data(_ field: UInt64, _ value: [UInt8]) {
    varint(field << 3 | 2)
    varint(UInt64(value.count))
    bytes += value
  }

  mutating func text(_ field: UInt64, _ value: String) { data(field, Array(value.utf8)) }
  mutating func message(_ field: UInt64, _ value: ProtobufWriter) { data(field, value.bytes) }
}
