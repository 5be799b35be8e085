public import HTTP

/// Where one worker reads and writes heads: one message at a time.
@safe public struct Desk: ~Copyable {
  /// The field lines of the head read last.
  public var fields: FieldSection
  /// The request's head read last.
  public var request = RequestHead()
  /// The response's head read last.
  public var response = ResponseHead()
  /// Where heads are written before they are put in front of their content.
  public let scratch: UnsafeMutablePointer<UInt8>
  /// Bytes of `scratch`.
  public let scratchSize: Int

  /// Field lines of a backend's response head; of a request's, `limits.header_fields`.
  public static let maximumResponseFields = 1024

  /// A desk for requests of at most so many field lines.
  public init(requestFields: Int, scratchSize: Int) {
    fields = Self.section(requestFields: requestFields)
    self.scratchSize = scratchSize
    unsafe scratch = .allocate(capacity: scratchSize)
  }

  deinit { unsafe scratch.deallocate() }

  /// Takes another number of field lines from here on.
  public mutating func limit(requestFields: Int) { fields = Self.section(requestFields: requestFields) }

  private static func section(requestFields: Int) -> FieldSection {
    FieldSection(capacity: max(maximumResponseFields, requestFields), requests: requestFields)
  }

  /// A writer of a head.
  public func writer() -> HeadWriter { unsafe HeadWriter(scratch, capacity: scratchSize) }

  /// Reads a request's head of `count` bytes, which came as text or was unpacked from HTTP/2.
  public mutating func readRequest(
    _ base: UnsafePointer<UInt8>, _ count: Int, unpacked: Bool = false
  ) -> ParseError? {
    let error = unsafe RequestHead.parse(base, count: count, fields: &fields, into: &request)
    if unpacked { request.version = .http2 }
    return error
  }

  /// Reads a response's head of `count` bytes, the answer to a request of that method.
  public mutating func readResponse(_ base: UnsafePointer<UInt8>, _ count: Int, _ method: Method)
    -> ParseError?
  {
    unsafe ResponseHead.parse(base, count: count, method: method, fields: &fields, into: &response)
  }

  /// There is no request's head that could be spoken of.
  public mutating func clearRequest() { request = RequestHead() }

  /// Whether the Connection field names a field as one for us alone (RFC 9110 §7.6.1).
  func isNominated(_ name: UnsafePointer<UInt8>, _ length: Int, _ base: UnsafePointer<UInt8>) -> Bool {
    var found = false
    for i in 0..<fields.count where unsafe fields.lines[i].name == .connection && !found {
      unsafe ListElements.forEach(base + Int(fields.lines[i].valueStart), Int(fields.lines[i].valueLength)) {
        p, n in
        guard n == length else { return true }
        for j in 0..<n where unsafe p[j] | 0x20 != name[j] | 0x20 { return true }
        found = true
        return false
      }
    }
    return found
  }
}

extension FieldLine {
  /// Whether the name is a lower-case literal in any letter case.
  public func isNamed(_ literal: StaticString, _ base: UnsafePointer<UInt8>) -> Bool {
    unsafe ASCII.same(base + Int(nameStart), Int(nameLength), literal)
  }

  /// Whether the value, a list, has an element of that name; parameters do not count.
  public func lists(_ literal: StaticString, _ base: UnsafePointer<UInt8>) -> Bool {
    var found = false
    unsafe ListElements.forEach(base + Int(valueStart), Int(valueLength)) { element, count in
      found = unsafe ASCII.same(element, count, literal)
      return !found
    }
    return found
  }

  /// Whether it speaks of the content as it was before it was coded: its length, its parts, its digest.
  func speaksOfContent(_ base: UnsafePointer<UInt8>) -> Bool {
    if name == .contentLength { return true }
    guard name == .other else { return false }
    return unsafe isNamed("etag", base) || isNamed("accept-ranges", base) || isNamed("content-digest", base)
      || isNamed("repr-digest", base) || isNamed("digest", base) || isNamed("content-md5", base)
  }
}
