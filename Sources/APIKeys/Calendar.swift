/// Days and months of UTC, in milliseconds since the epoch (proleptic Gregorian calendar).
enum Calendar {
  /// A day, in milliseconds.
  static let millisecondsOfDay: UInt64 = 86_400_000

  /// When the day of a time has begun.
  static func dayStart(_ now: UInt64) -> UInt64 { now - now % millisecondsOfDay }

  /// When the month of a time has begun, and when the next one begins.
  static func month(_ now: UInt64) -> (start: UInt64, end: UInt64) {
    let day = now / millisecondsOfDay
    let (year, month, dayOfMonth) = civil(day)
    let start = day - UInt64(dayOfMonth - 1)
    let length: UInt64
    switch month {
    case 4, 6, 9, 11: length = 30
    case 2: length = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    default: length = 31
    }
    return (start * millisecondsOfDay, (start + length) * millisecondsOfDay)
  }

  /// The date of a day since the epoch, by years that begin in March.
  private static func civil(_ day: UInt64) -> (year: UInt64, month: UInt64, day: UInt64) {
    let shifted = min(day, 1 << 32) + 719_468
    let era = shifted / 146_097
    let ofEra = shifted % 146_097
    let year = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * year + year / 4 - year / 100)
    let month = (5 * ofYear + 2) / 153
    let calendarMonth = month < 10 ? month + 3 : month - 9
    return (
      year + era * 400 + (calendarMonth <= 2 ? 1 : 0), calendarMonth, ofYear - (153 * month + 2) / 5 + 1
    )
  }
}
