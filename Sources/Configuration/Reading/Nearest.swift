/// Finds the word that somebody who mistyped probably meant.
public enum Nearest {
  /// Words longer than this are not compared.
  static let maximumLength = 64

  /// The candidate with the fewest changes, if those are few for its length.
  static func word(to text: String, among candidates: some Sequence<String>) -> String? {
    let typed = Array(text.lowercased().utf8)
    guard typed.count <= maximumLength else { return nil }
    var best: (word: String, distance: Int)?
    for candidate in candidates {
      let letters = Array(candidate.lowercased().utf8)
      guard letters.count <= maximumLength else { continue }
      let distance = distance(typed, letters)
      let allowed = max(1, max(typed.count, letters.count) / 3)
      if distance <= allowed, distance < letters.count, distance < best?.distance ?? .max {
        best = (candidate, distance)
      }
    }
    return best?.word
  }

  /// Insertions, deletions, substitutions and swaps of neighbours that turn one into the other.
  static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var rows = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
    for i in 0...a.count { rows[i][0] = i }
    for j in 0...b.count { rows[0][j] = j }
    guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
    for i in 1...a.count {
      for j in 1...b.count {
        let change = rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
        rows[i][j] = min(change, rows[i - 1][j] + 1, rows[i][j - 1] + 1)
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
          rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
        }
      }
    }
    return rows[a.count][b.count]
  }

  /// `did you mean "x"?`, or nil.
  public static func hint(for text: String, among candidates: some Sequence<String>) -> String? {
    word(to: text, among: candidates).map { "did you mean \"\($0)\"?" }
  }
}
