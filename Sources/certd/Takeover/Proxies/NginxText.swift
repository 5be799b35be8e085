import OS

/// One directive of nginx's with its block, where it has one.
struct NginxDirective {
  let name: String
  let words: [String]
  let file: String
  let line: Int
  var block: [NginxDirective]?
}

/// Reads nginx's language: words, quotes, comments, blocks, and files that are included.
struct NginxText {
  /// The most directives of all files together.
  static let maximumDirectives = 100_000
  /// The deepest nesting of blocks, and of files that include others.
  static let maximumDepth = 32

  private let files = ForeignFiles()
  private(set) var count = 0
  /// The directory of the first file: relative names start there.
  let base: String

  init(base: String) { self.base = base }

  private struct Word {
    let text: String
    let line: Int
    let isQuoted: Bool
  }

  mutating func read(_ path: String, depth: Int = 0) throws -> [NginxDirective] {
    guard depth < Self.maximumDepth else {
      throw NotUnderstood(path, 1, "files include each other too deeply")
    }
    var words = try Self.words(try files.text(path), path)[...]
    let directives = try block(&words, path, depth, isOuter: true)
    return directives
  }

  private mutating func block(
    _ words: inout ArraySlice<Word>, _ file: String, _ depth: Int, isOuter: Bool
  ) throws -> [NginxDirective] {
    var found: [NginxDirective] = []
    guard depth < Self.maximumDepth else {
      throw NotUnderstood(file, words.first?.line ?? 1, "blocks too deep")
    }
    while let first = words.popFirst() {
      if !first.isQuoted, first.text == "}" {
        guard !isOuter else { throw NotUnderstood(file, first.line, "a } without its {") }
        return found
      }
      var rest: [String] = []
      var inner: [NginxDirective]?
      while true {
        guard let word = words.popFirst() else {
          throw NotUnderstood(file, first.line, "no ; after \(first.text)")
        }
        if !word.isQuoted, word.text == ";" { break }
        if !word.isQuoted, word.text == "{" {
          inner = try block(&words, file, depth + 1, isOuter: false)
          break
        }
        guard word.isQuoted || word.text != "}" else {
          throw NotUnderstood(file, word.line, "no ; after \(first.text)")
        }
        rest.append(word.text)
      }
      count += 1
      guard count <= Self.maximumDirectives else {
        throw NotUnderstood(file, first.line, "too many directives")
      }
      if first.text == "include", let pattern = rest.first {
        found += try included(pattern, file, first.line, depth)
      } else {
        found.append(
          NginxDirective(name: first.text, words: rest, file: file, line: first.line, block: inner))
      }
    }
    guard isOuter else { throw NotUnderstood(file, 1, "a { without its }") }
    return found
  }

  /// The files of an `include`; what is not there is left to whoever reads the directive.
  private mutating func included(
    _ pattern: String, _ file: String, _ line: Int, _ depth: Int
  ) throws -> [NginxDirective] {
    let path = pattern.hasPrefix("/") ? pattern : "\(base)/\(pattern)"
    let (folder, last) = (FileSystem.parent(of: path), String(path.split(separator: "/").last ?? ""))
    if last == "mime.types" { return [] }
    guard let star = last.firstIndex(of: "*") else {
      guard files.isFile(path) else {
        return [NginxDirective(name: "include", words: [pattern], file: file, line: line, block: nil)]
      }
      return try read(path, depth: depth + 1)
    }
    let (head, tail) = (last[..<star], last[last.index(after: star)...])
    var found: [NginxDirective] = []
    for name in try files.list(folder)
    where name.hasPrefix(head) && name.hasSuffix(tail) && name.count >= head.count + tail.count
      && files.isFile("\(folder)/\(name)")
    { found += try read("\(folder)/\(name)", depth: depth + 1) }
    return found
  }

  private static func words(_ text: String, _ file: String) throws -> [Word] {
    var found: [Word] = []
    var line = 1
    var current = ""
    var quote: Character?
    var hasWord = false
    var isEscaped = false
    var inComment = false
    func end(_ found: inout [Word], _ isQuoted: Bool) {
      if hasWord { found.append(Word(text: current, line: line, isQuoted: isQuoted)) }
      current = ""
      hasWord = false
    }
    for character in text {
      defer { if character.isNewline { line += 1 } }
      if inComment {
        if character.isNewline { inComment = false }
      } else if isEscaped {
        current.append(character)
        isEscaped = false
      } else if let open = quote {
        if character == "\\" {
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
      } else if !hasWord, character == "\"" || character == "'" {
        (quote, hasWord) = (character, true)
      } else if character == ";" || (character == "{" && !current.hasSuffix("$"))
        || (character == "}" && !current.contains("${"))
      {
        end(&found, false)
        found.append(Word(text: String(character), line: line, isQuoted: false))
      } else if character == "\\" {
        (isEscaped, hasWord) = (true, true)
        current.append(character)
      } else {
        hasWord = true
        current.append(character)
      }
    }
    guard quote == nil else { throw NotUnderstood(file, line, "a quote that does not end") }
    end(&found, false)
    return found
  }
}
