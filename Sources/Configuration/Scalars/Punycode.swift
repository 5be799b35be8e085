/// Labels with characters outside ASCII in the form that DNS and certificates have (RFC 3492, RFC 5890).
enum Punycode {
  private static let base = 36
  // tmin and tmax of RFC 3492 §5.
  private static let (leastThreshold, mostThreshold) = (1, 26)

  /// A name with each of its labels in ASCII; nil where one has characters that are no letters, digits or hyphens, or
  /// that are composed of several.
  static func ascii(_ name: String) -> String? {
    var labels: [String] = []
    for label in name.lowercased().split(separator: ".", omittingEmptySubsequences: false) {
      guard let encoded = encode(label) else { return nil }
      labels.append(encoded)
    }
    return labels.joined(separator: ".")
  }

  private static func encode(_ label: Substring) -> String? {
    let scalars = Array(label.unicodeScalars)
    guard scalars.contains(where: { $0.value >= 0x80 }) else { return String(label) }
    guard scalars.allSatisfy(isAllowed) else { return nil }
    var out = scalars.filter { $0.value < 0x80 }
    let basic = out.count
    if basic > 0 { out.append("-") }
    var (next, delta, bias, handled) = (UInt32(0x80), 0, 72, basic)
    while handled < scalars.count {
      guard let least = scalars.lazy.map(\.value).filter({ $0 >= next }).min() else { return nil }
      delta += Int(least - next) * (handled + 1)
      next = least
      for scalar in scalars {
        if scalar.value < next { delta += 1 }
        guard scalar.value == next else { continue }
        append(delta, bias, &out)
        bias = adapted(delta, handled + 1, isFirst: handled == basic)
        delta = 0
        handled += 1
      }
      delta += 1
      next += 1
    }
    var text = "xn--"
    text.unicodeScalars.append(contentsOf: out)
    return text
  }

  /// Letters and digits of one scalar each, and hyphens.
  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.value < 0x80 {
      return scalar == "-" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    }
    switch scalar.properties.generalCategory {
    case .lowercaseLetter, .otherLetter, .modifierLetter, .decimalNumber: return true
    default: return false
    }
  }

  private static func append(_ delta: Int, _ bias: Int, _ out: inout [Unicode.Scalar]) {
    var rest = delta
    var weight = base
    while true {
      let threshold = min(max(weight - bias, leastThreshold), mostThreshold)
      guard rest >= threshold else { return out.append(digit(rest)) }
      out.append(digit(threshold + (rest - threshold) % (base - threshold)))
      rest = (rest - threshold) / (base - threshold)
      weight += base
    }
  }

  private static func digit(_ value: Int) -> Unicode.Scalar {
    Unicode.Scalar(UInt8(value < 26 ? 0x61 + value : 0x30 + value - 26))
  }

  private static func adapted(_ delta: Int, _ points: Int, isFirst: Bool) -> Int {
    var rest = delta / (isFirst ? 700 : 2)
    rest += rest / points
    var bias = 0
    while rest > (base - leastThreshold) * mostThreshold / 2 {
      rest /= base - leastThreshold
      bias += base
    }
    return bias + (base - leastThreshold + 1) * rest / (rest + 38)
  }
}
