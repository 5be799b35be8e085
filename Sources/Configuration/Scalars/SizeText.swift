/// Sizes as written in the file: a whole number and a binary unit.
enum SizeText {
  static let units: [(suffix: String, bytes: Int)] = [
    ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30),
  ]

  static func parse(_ text: String) throws(Invalid) -> Int {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let suffix = text.dropFirst(digits.count)
    guard let count = decimal(digits, maximum: 1 << 30) else {
      throw Invalid("\(quoted(text)) is no size", "write 512B, 64KiB or 1MiB")
    }
    if suffix.isEmpty { throw Invalid("\(quoted(text)) has no unit", "write \(digits)B for bytes") }
    guard let unit = units.first(where: { $0.suffix == suffix }) else {
      throw Invalid("\(quoted(text)) has an unknown unit", "write B, KiB, MiB or GiB after the number")
    }
    return count * unit.bytes
  }

  /// The shortest text of a size, in the largest unit that divides it.
  static func text(_ bytes: Int) -> String {
    let unit = units.last { bytes != 0 && bytes % $0.bytes == 0 } ?? units[0]
    return "\(bytes / unit.bytes)\(unit.suffix)"
  }
}
