internal import Proxy
internal import Telemetry
internal import Upstream

/// A value that a key can have. The key's type says within what bounds.
protocol KeyValue: Sendable {
  /// The value of a node; nil when it is wrong, which is told at `origin`.
  static func read(
    _ node: YAMLNode, at origin: Origin, as type: Key.ValueType, in section: Section
  ) -> Self?

  /// How it is written in the file; nil for a value that no single word tells.
  func text(as type: Key.ValueType) -> String?
}

extension KeyValue {
  func text(as type: Key.ValueType) -> String? { nil }
}

/// A value with a text of its own form.
protocol ParsedText: KeyValue {
  static func parse(_ text: String) throws(Invalid) -> Self
}

extension ParsedText {
  static func read(
    _ node: YAMLNode, at origin: Origin, as type: Key.ValueType, in section: Section
  ) -> Self? {
    section.text(node, at: origin, parse)
  }
}

extension ParsedText where Self: CustomStringConvertible {
  func text(as type: Key.ValueType) -> String? { description }
}

/// One of some words.
protocol WordValue: KeyValue, CaseIterable {
  /// As the file has it.
  var word: String { get }
}

extension WordValue where Self: RawRepresentable, RawValue == String {
  var word: String { rawValue }
}

extension WordValue {
  static func read(
    _ node: YAMLNode, at origin: Origin, as type: Key.ValueType, in section: Section
  ) -> Self? {
    section.text(node, at: origin) { text throws(Invalid) in try word(text, type) }
  }

  private static func word(_ text: String, _ type: Key.ValueType) throws(Invalid) -> Self {
    if let value = allCases.first(where: { $0.word == text }) { return value }
    let words = allCases.map(\.word)
    if case .choice(_, let reserved) = type, reserved.contains(text) {
      throw Invalid("\(quoted(text)) is not supported yet", "write \(alternatives(words))")
    }
    throw Invalid(
      "\(quoted(text)) is not known", Nearest.hint(for: text, among: words) ?? "write \(alternatives(words))")
  }

  func text(as type: Key.ValueType) -> String? { word }
}

extension Key.ValueType {
  /// One of the words of a type.
  static func choice<T: WordValue>(of: T.Type) -> Self { .choice(T.allCases.map(\.word), reserved: []) }

  /// What stands for nil.
  fileprivate var wordForNothing: String? {
    switch self {
    case .integerOr(let word, _): word
    case .duration(_, off: true): "off"
    default: nil
    }
  }
}

extension Optional: KeyValue where Wrapped: KeyValue {
  static func read(
    _ node: YAMLNode, at origin: Origin, as type: Key.ValueType, in section: Section
  ) -> Self? {
    if case .scalar(let text, _) = node.content, text == type.wordForNothing { return .some(nil) }
    return Wrapped.read(node, at: origin, as: type, in: section).map { .some($0) }
  }

  func text(as type: Key.ValueType) -> String? { map { $0.text(as: type) } ?? type.wordForNothing }
}

extension Array: KeyValue where Element: KeyValue {
  static func read(
    _ node: YAMLNode, at origin: Origin, as type: Key.ValueType, in section: Section
  ) -> Self? {
    guard let items = section.items(of: node, at: origin, as: type),
      case .list(let element, _) = type
    else { return nil }
    let values = items.compactMap { Element.read($0.node, at: $0.origin, as: element, in: section) }
    return values.count == items.count ? values : nil
  }
}

extension Located: KeyValue where Value: KeyValue {
  static func read(
    _ node: YAMLNode, at origin: Origin, as type: Key.ValueType, in section: Section
  ) -> Self? {
    Value.read(node, at: origin, as: type, in: section).map { Located($0, origin: origin) }
  }

  func text(as type: Key.ValueType) -> String? { value.text(as: type) }
}

extension Bool: KeyValue {
  static func read(
    _ node: YAMLNode, at origin: Origin, as type: Key.ValueType, in section: Section
  ) -> Bool? {
    section.text(node, at: origin) { text throws(Invalid) in
      guard text == "true" || text == "false" else {
        throw Invalid("\(quoted(text)) is neither true nor false")
      }
      guard case .scalar(_, plain: true) = node.content else {
        throw Invalid("\(quoted(text)) is a text", "remove the quotes")
      }
      return text == "true"
    }
  }

  func text(as type: Key.ValueType) -> String? { self ? "true" : "false" }
}

/// Counts and sizes.
extension Int: KeyValue {
  static func read(
    _ node: YAMLNode, at origin: Origin, as type: Key.ValueType, in section: Section
  ) -> Int? {
    section.text(node, at: origin) { text throws(Invalid) in
      if case .size(let range) = type { return try size(text, range) }
      return try count(text, type)
    }
  }

  private static func count(_ text: String, _ type: Key.ValueType) throws(Invalid) -> Int {
    var range = 0...Int.max
    switch type {
    case .integer(let allowed): range = allowed
    case .integerOr(let word, let allowed):
      range = allowed
      guard decimal(text) != nil else { throw Invalid("\(quoted(text)) is neither a number nor \(word)") }
    default: break
    }
    guard let number = decimal(text) else { throw Invalid("\(quoted(text)) is no whole number") }
    guard range.contains(number) else {
      throw Invalid("\(number) is out of range", "from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  private static func size(_ text: String, _ range: ClosedRange<Int>) throws(Invalid) -> Int {
    let bytes = try SizeText.parse(text)
    guard range.contains(bytes) else {
      throw Invalid(
        "\(text) is out of range",
        "from \(SizeText.text(range.lowerBound)) to \(SizeText.text(range.upperBound))")
    }
    return bytes
  }

  func text(as type: Key.ValueType) -> String? {
    if case .size = type { SizeText.text(self) } else { "\(self)" }
  }
}

/// Ports.
extension UInt16: KeyValue {
  static func read(
    _ node: YAMLNode, at origin: Origin, as type: Key.ValueType, in section: Section
  ) -> UInt16? {
    Int.read(node, at: origin, as: type, in: section).map { UInt16(clamping: $0) }
  }

  func text(as type: Key.ValueType) -> String? { "\(self)" }
}

extension Duration: KeyValue {
  static func read(
    _ node: YAMLNode, at origin: Origin, as type: Key.ValueType, in section: Section
  ) -> Duration? {
    section.text(node, at: origin) { text throws(Invalid) in
      let duration = try DurationText.parse(text)
      guard case .duration(let range, _) = type, !range.contains(duration.wholeMilliseconds) else {
        return duration
      }
      let low = DurationText.text(.milliseconds(range.lowerBound))
      throw Invalid(
        "\(text) is out of range", "from \(low) to \(DurationText.text(.milliseconds(range.upperBound)))")
    }
  }

  func text(as type: Key.ValueType) -> String? { DurationText.text(self) }
}

/// Times of the data plane; `off` is for ever.
extension Milliseconds: KeyValue {
  static func read(
    _ node: YAMLNode, at origin: Origin, as type: Key.ValueType, in section: Section
  ) -> Milliseconds? {
    Duration?.read(node, at: origin, as: type, in: section).map { duration in
      duration.map { Milliseconds(UInt64(clamping: $0.wholeMilliseconds)) } ?? .never
    }
  }

  func text(as type: Key.ValueType) -> String? {
    self == .never ? "off" : DurationText.text(.milliseconds(Int64(clamping: count)))
  }
}

/// Texts that stay texts. A kind with a type of its own is read into that type.
extension String: KeyValue {
  static func read(
    _ node: YAMLNode, at origin: Origin, as type: Key.ValueType, in section: Section
  ) -> String? {
    guard case .text(let kind) = type else { return section.text(node, at: origin, Word.line) }
    return section.text(node, at: origin) { text throws(Invalid) in try kind.parse(text, section.report) }
  }

  func text(as type: Key.ValueType) -> String? { self }
}

extension Key.TextKind {
  fileprivate func parse(_ text: String, _ report: Report) throws(Invalid) -> String {
    switch self {
    case .path: report.resolved(try Word.line(text))
    case .name: try Word.name(text)
    case .email: try Word.email(text)
    case .url: try Word.directory(text)
    case .endpoint: try Word.endpoint(text)
    case .host: try HostName.parse(text)
    case .grpcService: try GRPCServiceName.parse(text)
    case .pathPrefix: try Settings.PathMatch.parsePrefix(text)
    case .fieldName: try FieldText.name(text)
    case .fieldValue: try FieldText.value(text)
    case .mediaType: try MediaType.parse(text)
    case .cloudName: try CloudText.name(text)
    default: try Word.line(text)
    }
  }
}
