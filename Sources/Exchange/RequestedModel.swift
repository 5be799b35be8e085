internal import JSON

/// The model that a request's content asks for: the member `model` of a JSON object, as OpenAI's, Anthropic's, Ollama's and
/// TGI's interfaces have it.
public enum RequestedModel: Equatable, Sendable {
  /// A name of so many bytes, and where it stands between its quotes.
  case named(count: Int, place: Range<Int>)
  /// A JSON document without it, or with something else than a name.
  case missing
  /// It stands there more than once, or in other letters, which some readers take for the same: whoever reads it next may
  /// take another one.
  case doubled
  /// A name longer than any.
  case tooLong
  /// No JSON from this byte on.
  case malformed(Int)

  /// The deepest content that is followed, in levels.
  public static let maximumDepth = 64
  private static let key: StaticString = "model"

  /// Looks for it in whole content; the name, its escapes replaced, is written to `out`.
  public static func find(
    _ content: UnsafeRawBufferPointer, into out: UnsafeMutablePointer<UInt8>, capacity: Int
  ) -> RequestedModel {
    var search = unsafe Search(content: content, out: out, capacity: capacity)
    return search.run()
  }

  @safe private struct Search {
    let content: UnsafeRawBufferPointer
    let out: UnsafeMutablePointer<UInt8>
    let capacity: Int
    var scanner: JSONScanner
    var at = 0
    /// Bytes of the text that is being read, and, of a name, whether they are those that are looked for.
    var count = 0
    var isInName = false
    var isSame = false
    var isAlike = false

    init(content: UnsafeRawBufferPointer, out: UnsafeMutablePointer<UInt8>, capacity: Int) {
      unsafe self.content = unsafe content
      unsafe self.out = unsafe out
      self.capacity = capacity
      scanner = JSONScanner(maximumDepth: RequestedModel.maximumDepth, maximumBytes: content.count)
    }

    mutating func run() -> RequestedModel {
      guard unsafe scanner.next(content, &at) == .objectStart else { return rest(.missing) }
      var found = RequestedModel.missing
      while true {
        switch unsafe scanner.next(content, &at) {
        case .nameStart:
          guard let name = readName() else { return .malformed(scanner.offset) }
          if name == .alike { return rest(.doubled) }
          guard name == .model else {
            if isFault(unsafe scanner.skip(to: 1, content, &at)) { return .malformed(scanner.offset) }
            continue
          }
          if found != .missing { return rest(.doubled) }
          guard let one = readValue() else { return .malformed(scanner.offset) }
          if one == .tooLong { return rest(one) }
          if one == .missing { return rest(.missing) }
          found = one
        case .objectEnd: return rest(found)
        default: return .malformed(scanner.offset)
        }
      }
    }

    /// The verdict, if the rest is what JSON allows.
    private mutating func rest(_ verdict: RequestedModel) -> RequestedModel {
      while true {
        switch unsafe scanner.next(content, &at) {
        case .malformed: return .malformed(scanner.offset)
        case .end: return verdict
        case .more:
          var token = scanner.finish()
          while token != .end, token != .malformed { token = scanner.finish() }
          return token == .end ? verdict : .malformed(scanner.offset)
        default: continue
        }
      }
    }

    private func isFault(_ token: JSONScanner.Token) -> Bool {
      switch token {
      case .malformed, .more, .end: true
      default: false
      }
    }

    private enum Name { case model, alike, other }

    /// What a member's name is to the one that is looked for; nil when it is cut off. Go's JSON, Ollama's for one, takes
    /// names in any letter case.
    private mutating func readName() -> Name? {
      (isInName, isSame, isAlike, count) = (true, true, true, 0)
      defer { isInName = false }
      guard readText() != nil else { return nil }
      guard isAlike, count == RequestedModel.key.utf8CodeUnitCount else { return .other }
      return isSame ? .model : .alike
    }

    /// A member's value: a name with its place, or `missing` for anything else; nil when it is cut off.
    private mutating func readValue() -> RequestedModel? {
      let before = at
      var copy = scanner
      var place = at
      guard unsafe copy.next(content, &place) == .stringStart else {
        at = before
        return isFault(unsafe scanner.skip(to: 1, content, &at)) ? nil : .missing
      }
      (scanner, at) = (copy, place)
      count = 0
      guard let end = readText() else { return nil }
      if count > capacity { return .tooLong }
      return count == 0 ? .missing : .named(count: count, place: place..<end)
    }

    /// Reads a text to its closing quote, and tells where that stands.
    private mutating func readText() -> Int? {
      while true {
        switch unsafe scanner.next(content, &at) {
        case .text(let run): for i in run { unsafe put(content[i]) }
        case .scalar(let value): put(scalar: value)
        case .nameEnd, .stringEnd: return at - 1
        default: return nil
        }
      }
    }

    /// A value goes to `out` as far as there is room, a name is only compared.
    private mutating func put(_ byte: UInt8) {
      let key = RequestedModel.key
      if isInName {
        isAlike = unsafe isAlike && count < key.utf8CodeUnitCount && key.utf8Start[count] == byte | 0x20
        isSame = unsafe isSame && isAlike && key.utf8Start[count] == byte
      } else if count < capacity {
        unsafe out[count] = byte
      }
      count += 1
    }

    private mutating func put(scalar: UInt32) {
      guard let scalar = Unicode.Scalar(scalar) else { return }
      for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { put(byte) }
    }
  }
}
