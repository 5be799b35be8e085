/// Why a text is not a value of the wanted kind, and what to write instead.
struct Invalid: Error, Equatable {
  let message: String
  var hint: String?

  init(_ message: String, _ hint: String? = nil) {
    self.message = message
    self.hint = hint
  }
}

/// A text as it stands in an error: quoted, shortened, control characters escaped.
func quoted(_ text: String) -> String {
  let shown = text.unicodeScalars.prefix(64)
  var out = "\""
  for scalar in shown {
    if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar == "\"" || scalar == "\\" {
      out += scalar.escaped(asASCII: true)
    } else {
      out.unicodeScalars.append(scalar)
    }
  }
  return out + (text.unicodeScalars.count > shown.count ? "…\"" : "\"")
}

/// Decimal digits without a sign or leading zeros, or nil.
func decimal(_ text: some StringProtocol, maximum: Int = .max) -> Int? {
  let digits = text.utf8
  guard !digits.isEmpty, digits.count <= 18, digits.allSatisfy({ (0x30...0x39).contains($0) }),
    digits.count == 1 || digits.first != 0x30, let value = Int(text), value <= maximum
  else { return nil }
  return value
}

/// `a, b or c`
func alternatives(_ words: [String]) -> String {
  guard let last = words.last, words.count > 1 else { return words.first ?? "" }
  return words.dropLast().joined(separator: ", ") + " or " + last
}
