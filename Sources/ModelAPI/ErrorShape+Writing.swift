internal import JSON

extension ErrorShape {
  /// Room that is enough for every error without its message, in bytes. A message takes up to six bytes for each of its own;
  /// what has no room is cut and ends in three dots.
  public static let frameBytes = 192
  /// The longest name of a parameter that is written, in bytes; a longer one is told as null.
  public static let maximumParameterBytes = 32

  /// Writes the content of an error's response, and answers how many bytes that took: JSON in any case. There MUST be room for
  /// `frameBytes`; into less nothing is written.
  ///
  /// - Parameters:
  ///   - message: a text for people; what is not printable ASCII is escaped byte by byte.
  ///   - parameter: the member that is wrong, told by OpenAI's shape only.
  public func write(
    _ error: ModelError, _ message: UnsafeRawBufferPointer, parameter: StaticString? = nil,
    into room: UnsafeMutableBufferPointer<UInt8>
  ) -> Int {
    unsafe write(error, message, parameter, front: "", back: "", into: room)
  }

  /// Writes an event that ends a broken stream, in the same way: for OpenAI's and TGI's shape `data: …`, for Anthropic's
  /// `event: error` with its data, each with the empty line that ends an event; for Ollama's a line of JSON. It MUST come
  /// where an event may begin.
  public func writeEvent(
    _ error: ModelError, _ message: UnsafeRawBufferPointer, into room: UnsafeMutableBufferPointer<UInt8>
  ) -> Int {
    switch self {
    case .openAI: unsafe write(error, message, nil, front: "data: ", back: "\n\n", into: room)
    case .tgi: unsafe write(error, message, nil, front: "data:", back: "\n\n", into: room)
    case .anthropic:
      unsafe write(error, message, nil, front: "event: error\ndata: ", back: "\n\n", into: room)
    case .ollama: unsafe write(error, message, nil, front: "", back: "\n", into: room)
    }
  }

  private func write(
    _ error: ModelError, _ message: UnsafeRawBufferPointer, _ parameter: StaticString?, front: StaticString,
    back: StaticString, into room: UnsafeMutableBufferPointer<UInt8>
  ) -> Int {
    guard room.count >= Self.frameBytes else { return 0 }
    var out = unsafe ErrorWriter(room: room)
    out.put(front)
    switch self {
    case .openAI:
      out.put(#"{"error":{"message":""#)
      unsafe out.put(message, reserve: Self.frameBytes - out.count)
      out.put(#"","type":""#)
      out.put(error.openAIType)
      out.put(#"","param":"#)
      out.putOptional(parameter.flatMap { $0.utf8CodeUnitCount > Self.maximumParameterBytes ? nil : $0 })
      out.put(#","code":"#)
      out.putOptional(error.openAICode)
      out.put("}}")
    case .anthropic:
      out.put(#"{"type":"error","error":{"type":""#)
      out.put(error.anthropicType)
      out.put(#"","message":""#)
      unsafe out.put(message, reserve: Self.frameBytes - out.count)
      out.put(#""}}"#)
    case .ollama:
      out.put(#"{"error":""#)
      unsafe out.put(message, reserve: Self.frameBytes - out.count)
      out.put(#""}"#)
    case .tgi:
      out.put(#"{"error":""#)
      unsafe out.put(message, reserve: Self.frameBytes - out.count)
      out.put(#"","error_type":""#)
      out.put(error.tgiType)
      out.put(#""}"#)
    }
    out.put(back)
    return out.count
  }
}

/// Appends to a caller's memory, whose size has been checked.
@safe private struct ErrorWriter {
  private let room: UnsafeMutableBufferPointer<UInt8>
  private(set) var count = 0

  init(room: UnsafeMutableBufferPointer<UInt8>) { unsafe self.room = room }

  mutating func put(_ text: StaticString) {
    for index in 0..<min(text.utf8CodeUnitCount, unsafe room.count - count) {
      unsafe room[count + index] = unsafe text.utf8Start[index]
    }
    count = min(count + text.utf8CodeUnitCount, unsafe room.count)
  }

  /// A text in quotes, or null.
  mutating func putOptional(_ text: StaticString?) {
    guard let text else { return put("null") }
    put("\"")
    put(text)
    put("\"")
  }

  /// A message, escaped, that leaves room behind it.
  mutating func put(_ message: UnsafeRawBufferPointer, reserve: Int) {
    let rest = unsafe room.count - count - reserve
    let least = JSONString.minimumRoomInBytes
    let limited = unsafe UnsafeMutableBufferPointer(rebasing: room[count..<count + max(rest, 0) + least])
    unsafe count += JSONString.escape(message, into: limited)
  }
}
