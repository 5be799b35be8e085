// Bytes: small values that every floor needs: moments, hexadecimal, base64, and buffers that are used again and again.
//
// It does not read a clock, do I/O or know any protocol.
// It promises that outside text becomes a value or nil and never a trap; that the same moment is the same text; that a buffer
// pool never has more out than its maximum, and that what begins never takes the last buffer from what goes on.

/// A moment as whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// A value only: nothing here reads a clock. Everything that decides is given one of these as `now`.
public struct UnixTime: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Seconds since the epoch; negative before it.
  public var seconds: Int64

  /// The moment so many seconds after the epoch.
  public init(seconds: Int64) { self.seconds = seconds }

  /// The earlier one is less.
  public static func < (a: Self, b: Self) -> Bool { a.seconds < b.seconds }
  /// The moment so many seconds later, at most the last one that can be told.
  public static func + (a: Self, seconds: Int64) -> Self {
    let (sum, overflow) = a.seconds.addingReportingOverflow(seconds)
    return Self(seconds: overflow ? (seconds > 0 ? .max : .min) : sum)
  }
  /// The moment so many seconds earlier.
  public static func - (a: Self, seconds: Int64) -> Self {
    let (difference, overflow) = a.seconds.subtractingReportingOverflow(seconds)
    return Self(seconds: overflow ? (seconds > 0 ? .min : .max) : difference)
  }
  /// The seconds from `b` to `a`.
  public static func - (a: Self, b: Self) -> Int64 { a.seconds &- b.seconds }

  /// RFC 3339 in UTC, without a fraction: `2026-11-22T15:04:05Z`.
  public var description: String {
    let (year, month, day) = Self.civil(daysSinceEpoch: floorDivide(seconds, 86_400))
    let second = (seconds % 86_400 + 86_400) % 86_400
    func pad(_ n: Int64, _ width: Int) -> String {
      let digits = String(n)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))"
      + "T\(pad(second / 3600, 2)):\(pad(second / 60 % 60, 2)):\(pad(second % 60, 2))Z"
  }

  /// A moment from its calendar fields in UTC, or nil when one is out of range.
  public init?(year: Int64, month: Int64, day: Int64, hour: Int64, minute: Int64, second: Int64) {
    guard (0...9999).contains(year), (1...12).contains(month), (1...31).contains(day),
      (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
    else { return nil }
    let days = Self.days(year: year, month: month, day: day)
    let (y, m, d) = Self.civil(daysSinceEpoch: days)
    guard y == year, m == month, d == day else { return nil }
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second
  }

  /// Parses RFC 3339 (`2026-11-22T15:04:05Z`, fractions dropped, numeric offsets applied); nil when malformed.
  public init?(rfc3339 text: String) {
    let c = Array(text.utf8)
    func number(_ from: Int, _ count: Int) -> Int64? { Self.number(c, from, count) }
    guard c.count >= 20, c[4] == 0x2D, c[7] == 0x2D, c[10] | 0x20 == 0x74, c[13] == 0x3A, c[16] == 0x3A,
      let year = number(0, 4), let month = number(5, 2), let day = number(8, 2),
      let hour = number(11, 2), let minute = number(14, 2), let second = number(17, 2),
      let local = UnixTime(
        year: year, month: month, day: day, hour: hour, minute: minute, second: second)
    else { return nil }
    var at = 19
    if c[at] == 0x2E {
      at += 1
      let digits = at
      while at < c.count, (0x30...0x39).contains(c[at]) { at += 1 }
      guard at > digits else { return nil }
    }
    guard at < c.count else { return nil }
    if c[at] | 0x20 == 0x7A {
      guard at + 1 == c.count else { return nil }
      self = local
      return
    }
    guard c[at] == 0x2B || c[at] == 0x2D, at + 6 == c.count, c[at + 3] == 0x3A,
      let offsetHours = number(at + 1, 2), let offsetMinutes = number(at + 4, 2), offsetHours < 24,
      offsetMinutes < 60
    else { return nil }
    let offset = offsetHours * 3600 + offsetMinutes * 60
    self = local + (c[at] == 0x2B ? -offset : offset)
  }

  /// Parses an HTTP date of the preferred form, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
  public init?(httpDate text: String) {
    let c = Array(text.utf8)
    guard c.count == 29, String(decoding: c[25...], as: UTF8.self) == " GMT", c[3] == 0x2C,
      [4, 7, 11, 16].allSatisfy({ c[$0] == 0x20 }), c[19] == 0x3A, c[22] == 0x3A,
      let day = Self.number(c, 5, 2), let year = Self.number(c, 12, 4), let hour = Self.number(c, 17, 2),
      let minute = Self.number(c, 20, 2), let second = Self.number(c, 23, 2),
      let month = Self.months.firstIndex(of: String(decoding: c[8..<11], as: UTF8.self))
    else { return nil }
    self.init(
      year: year, month: Int64(month + 1), day: day, hour: hour, minute: minute, second: second)
  }

  /// As fields of HTTP have it (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
  public var httpDate: String {
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    // The day and the time stand in the text in digits.
    let parts = description.split { $0 == "-" || $0 == "T" || $0 == "Z" }
    guard parts.count == 4, let month = Int(parts[1]), Self.months.indices.contains(month - 1), seconds >= 0
    else {
      return "Thu, 01 Jan 1970 00:00:00 GMT"
    }
    return
      "\(days[Int(seconds / 86_400 % 7)]), \(parts[2]) \(Self.months[month - 1]) \(parts[0]) \(parts[3]) GMT"
  }

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  private static func number(_ c: [UInt8], _ from: Int, _ count: Int) -> Int64? {
    guard from + count <= c.count else { return nil }
    var value: Int64 = 0
    for digit in c[from..<from + count] {
      guard (0x30...0x39).contains(digit) else { return nil }
      value = value * 10 + Int64(digit - 0x30)
    }
    return value
  }

  /// Days since the epoch of a date in the proleptic Gregorian calendar, years counted from March.
  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let y = month <= 2 ? year - 1 : year
    let era = floorDivide(y, 400)
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  private static func civil(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let z = daysSinceEpoch + 719_468
    let era = floorDivide(z, 146_097)
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }
}

private func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
  a % b < 0 ? a / b - 1 : a / b
}
