import OS

/// Writing for people and scripts: results to standard output, everything else to standard error.
enum Output {
  static func line(_ text: String) { write(1, text + "\n") }
  static func error(_ text: String) { write(2, text + "\n") }

  /// Text as it is, without an end of line.
  static func write(_ descriptor: Int32, _ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let n = unsafe bytes.withUnsafeBytes { raw in
        unsafe raw.baseAddress.map { unsafe Sys.write(descriptor, $0, raw.count) } ?? 0
      }
      guard n > 0 else { return }
      bytes = bytes.dropFirst(n)
    }
  }

  /// Columns padded to the widest cell, for a terminal.
  static func table(_ rows: [[String]]) { aligned(rows).forEach(line) }

  /// The lines of such a table.
  static func aligned(_ rows: [[String]]) -> [String] {
    guard let first = rows.first else { return [] }
    let widths = first.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.enumerated().map { index, cell in
        index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count)
      }
      return cells.joined(separator: "  ")
    }
  }
}
