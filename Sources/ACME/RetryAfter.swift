internal import Bytes
internal import HTTP

/// A Retry-After field (RFC 9110 §10.2.3): seconds or a date.
enum RetryAfter: Equatable {
  case seconds(Int64)
  case date(UnixTime)

  /// The longest believed delay: a year.
  static let maximumSeconds: Int64 = 366 * 86_400

  /// Nil when the field is absent or neither form.
  init?(_ fields: Fields) {
    guard let text = fields["Retry-After"] else { return nil }
    if !text.isEmpty, text.utf8.count <= 18, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let seconds = Int64(text)
    {
      self = .seconds(min(seconds, Self.maximumSeconds))
    } else if let date = UnixTime(httpDate: text) {
      self = .date(date)
    } else {
      return nil
    }
  }

  /// How long from now, never negative.
  func seconds(from now: UnixTime) -> Int64 {
    switch self {
    case .seconds(let seconds): seconds
    case .date(let date): min(max(0, date - now), Self.maximumSeconds)
    }
  }
}
