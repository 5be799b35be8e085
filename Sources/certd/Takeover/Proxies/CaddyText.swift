/// One line of a Caddyfile with the block that it opens, where it opens one.
struct CaddyLine {
  let words: [String]
  let number: Int
  var block: [CaddyLine]?
  var text: String { words.joined(separator: " ") }
}

/// Reads a Caddyfile: words, quotes, comments, blocks, and snippets where they are imported.
struct CaddyText {
  /// The most lines of one block, and of all snippets together.
  static let maximumLines = 100_000
  /// The deepest nesting of blocks, and of snippets that import others.
  static let maximumDepth = 32

  /// The outermost lines, the global options without words.
  let lines: [CaddyLine]

  init(_ text: String, _ file: String) throws {
    var words = try Self.words(text, file)[...]
    let all = try Self.block(&words, file, 0)
    var snippets: [String: [CaddyLine]] = [:]
    for line in all where line.words.count == 1 {
      if line.words[0].hasPrefix("("), line.words[0].hasSuffix(")") {
        snippets[String(line.words[0].dropFirst().dropLast())] = line.block ?? []
      }
    }
    var count = 0
    lines = try all.filter { !($0.words.first ?? "").hasPrefix("(") }.map {
      try Self.expanded($0, snippets, file, 0, &count)
    }
  }

  private static func expanded(
    _ line: CaddyLine, _ snippets: [String: [CaddyLine]], _ file: String, _ depth: Int, _ count: inout Int
  ) throws -> CaddyLine {
    guard depth < maximumDepth else { throw NotUnderstood(file, line.number, "snippets import each other") }
    var line = line
    var inner: [CaddyLine] = []
    for one in line.block ?? [] {
      count += 1
      guard count < maximumLines else { throw NotUnderstood(file, one.number, "too many lines") }
      if one.words.count == 2, one.words[0] == "import", let snippet = snippets[one.words[1]] {
        for part in snippet { inner.append(try expanded(part, snippets, file, depth + 1, &count)) }
      } else {
        inner.append(try expanded(one, snippets, file, depth + 1, &count))
      }
    }
    if line.block != nil { line.block = inner }
    return line
  }

  private struct Word {
    let text: String
    let line: Int
    let isQuoted: Bool
  }

  private static func block(_ words: inout ArraySlice<Word>, _ file: String, _ depth: Int) throws
    -> [CaddyLine]
  {
    guard depth < maximumDepth else { throw NotUnderstood(file, words.first?.line ?? 1, "blocks too deep") }
    var found: [CaddyLine] = []
    while let first = words.first {
      guard found.count < maximumLines else { throw NotUnderstood(file, first.line, "too many lines") }
      if !first.isQuoted, first.text == "}" {
        guard depth > 0 else { throw NotUnderstood(file, first.line, "a } without its {") }
        words.removeFirst()
        return found
      }
      var line = CaddyLine(words: [], number: first.line)
      var texts: [String] = []
      while let word = words.first, word.line == first.line || texts.last?.hasSuffix(",") ?? false {
        if !word.isQuoted, word.text == "}" { break }
        words.removeFirst()
        if !word.isQuoted, word.text == "{" {
          line = CaddyLine(words: texts, number: first.line, block: try block(&words, file, depth + 1))
          break
        }
        texts.append(word.text)
      }
      found.append(CaddyLine(words: texts, number: first.line, block: line.block))
    }
    guard depth == 0 else { throw NotUnderstood(file, found.last?.number ?? 1, "a { without its }") }
    return found
  }

  private static func words(_ text: String, _ file: String) throws -> [Word] {
    var found: [Word] = []
    var (line, start) = (1, 1)
    var current = ""
    var hasWord = false
    var quote: Character?
    var isEscaped = false
    var inComment = false
    func end(_ found: inout [Word], _ isQuoted: Bool) {
      if hasWord { found.append(Word(text: current, line: start, isQuoted: isQuoted)) }
      (current, hasWord) = ("", false)
    }
    for character in text {
      defer { if character.isNewline { line += 1 } }
      if inComment {
        if character.isNewline { inComment = false }
      } else if isEscaped {
        // Before an end of line it joins two lines.
        if !character.isNewline {
          current += quote == nil || character == "\"" ? "\(character)" : "\\\(character)"
        }
        isEscaped = false
      } else if let open = quote {
        if character == "\\", open == "\"" {
          isEscaped = true
        } else if character == open {
          quote = nil
          end(&found, true)
        } else {
          current.append(character)
        }
      } else if character.isWhitespace {
        end(&found, false)
      } else if !hasWord, character == "#" {
        inComment = true
      } else if !hasWord, character == "\"" || character == "`" {
        (quote, hasWord, start) = (character, true, line)
      } else if character == "\\" {
        isEscaped = true
      } else {
        if !hasWord { start = line }
        hasWord = true
        current.append(character)
      }
    }
    guard quote == nil else { throw NotUnderstood(file, start, "a quote that does not end") }
    end(&found, false)
    return found
  }
}
