internal import JSON

/// Where a request's `stream_options.include_usage` stands, or would have to.
struct UsagePlaces: BitwiseCopyable {
  enum Kind: UInt8 { case absent, object, null, no, yes, odd }

  /// Behind the `{` of the content.
  var open = 0
  /// The options: where they begin behind their `{`, or where a null stands.
  private var options = Kind.absent
  private var optionsStart = 0
  /// Whether the object of options has no members.
  var isEmpty = true
  /// The flag in it.
  private var flag = Kind.absent
  private var flagStart = 0
  private var flagEnd = 0

  /// Notes the value of `stream_options`, by its first token and what has been read up to its end.
  mutating func noteOptions(_ token: JSONScanner.Token, _ offset: Int) {
    guard options == .absent else {
      options = .odd
      return
    }
    switch token {
    case .objectStart: (options, optionsStart) = (.object, offset)
    case .null: (options, optionsStart) = (.null, offset - 4)
    default: options = .odd
    }
  }

  /// Notes the value of `include_usage`.
  mutating func noteFlag(_ token: JSONScanner.Token, _ offset: Int) {
    guard flag == .absent else {
      flag = .odd
      return
    }
    flagEnd = offset
    switch token {
    case .true: flag = .yes
    case .false: (flag, flagStart) = (.no, offset - 5)
    case .null: (flag, flagStart) = (.null, offset - 4)
    default: flag = .odd
    }
  }

  /// Whether usage is asked for.
  var isIncluded: Bool { options == .object && flag == .yes }

  /// What has to be changed so that it is; nil where it is, or where the options are none that we understand.
  var edit: UsageEdit? {
    switch (options, flag) {
    case (.absent, _): UsageEdit(place: open..<open, text: #""stream_options":{"include_usage":true},"#)
    case (.null, _):
      UsageEdit(place: optionsStart..<optionsStart + 4, text: #"{"include_usage":true}"#)
    case (.object, .absent):
      UsageEdit(
        place: optionsStart..<optionsStart,
        text: isEmpty ? #""include_usage":true"# : #""include_usage":true,"#)
    case (.object, .no), (.object, .null): UsageEdit(place: flagStart..<flagEnd, text: "true")
    default: nil
    }
  }
}

extension RequestScan {
  /// Whether the request asks for usage at the end of the stream: `stream_options.include_usage` is true.
  public var includesUsage: Bool { usage.isIncluded }

  /// The change that makes a streaming request ask for usage. Nil where it does already, where the content is not whole or
  /// does not say `"stream": true` (then OpenAI refuses these options), and where its options are none that we understand.
  public var usageEdit: UsageEdit? { isWhole && streams == 1 ? usage.edit : nil }
}
