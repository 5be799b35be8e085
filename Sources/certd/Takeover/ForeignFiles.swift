import CertStore
import JSON
import OS
import PKI

/// Reads another program's files, and changes none.
struct ForeignFiles {
  /// The largest file that is read, in bytes.
  static let maximumFileBytes = 16 << 20
  /// The most files or lineages that are looked at in one directory.
  static let maximumEntries = 20_000

  private let fs = FileSystem()

  /// The names in a directory, sorted; none where it is not there.
  func list(_ path: String) throws -> [String] {
    guard isDirectory(path) else { return [] }
    let names = try fs.list(path)
    guard names.count <= Self.maximumEntries else {
      throw Unreadable("\(path) has more than \(Self.maximumEntries) entries")
    }
    return names
  }

  func isDirectory(_ path: String) -> Bool {
    (try? fs.status(path, followingLinks: true))?.kind == .directory
  }

  func isFile(_ path: String) -> Bool { fs.isFile(path) }

  func isExecutable(_ path: String) -> Bool {
    guard let status = try? fs.status(path, followingLinks: true) else { return false }
    return status.kind == .file && status.mode & 0o111 != 0
  }

  func bytes(_ path: String) throws -> [UInt8] {
    try fs.read(path, limitInBytes: Self.maximumFileBytes, followingLinks: true)
  }

  func text(_ path: String) throws -> String {
    guard let text = String(validating: try bytes(path), as: UTF8.self) else {
      throw Unreadable("\(path) is no text in UTF-8")
    }
    return text
  }

  func json(_ path: String) throws -> JSONValue {
    do { return try JSONValue(parsing: try bytes(path)) } catch let error as JSONValue.Malformed {
      throw Unreadable("\(path): \(error)")
    }
  }

  /// A private key in PEM; whoever else may read it is told.
  func key(_ path: String, _ state: inout ForeignState) throws -> PrivateKey {
    checkMode(path, &state)
    let pem = try bytes(path)
    do { return try PrivateKey(pem: pem) } catch { throw Unreadable("\(path): \(error)") }
  }

  /// The same of a JWK.
  func jwk(_ path: String, _ state: inout ForeignState) throws -> PrivateKey {
    checkMode(path, &state)
    let members = try json(path).members.compactMapValues(\.string)
    do { return try PrivateKey(jwk: members) } catch { throw Unreadable("\(path): \(error)") }
  }

  func chain(_ paths: String...) throws -> CertificateChain {
    var pem: [UInt8] = []
    for path in paths { pem += try bytes(path) + [0x0A] }
    do { return try CertificateChain(pem: pem) } catch { throw Unreadable("\(paths[0]): \(error)") }
  }

  func checkMode(_ path: String, _ state: inout ForeignState) {
    guard let status = try? fs.status(path, followingLinks: true), status.mode & 0o077 != 0 else { return }
    let digits = String(status.mode, radix: 8)
    state.note(
      path,
      "has a private key and the mode 0\(digits): others than its owner may have read it; certd keeps its copy at 0600; "
        + "'certd renew --force' makes a new key")
  }

  /// A path as the configuration needs it.
  func absolute(_ path: String) -> String { (try? fs.absolutePath(path)) ?? path }
}

/// `key = value` lines below sections in brackets, as certbot's files have them; the first value of a key counts.
struct INIFile {
  private(set) var values: [String: [String: String]] = [:]

  init(_ text: String) {
    var section = ""
    for line in text.split(whereSeparator: \.isNewline) {
      let line = line.trimmed
      if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
      if line.hasPrefix("[") {
        section = line.filter { $0 != "[" && $0 != "]" }.trimmed
      } else if let equals = line.firstIndex(of: "=") {
        let key = line[..<equals].trimmed
        var value = line[line.index(after: equals)...].trimmed
        if let quote = value.first, quote == "\"" || quote == "'", value.last == quote, value.count > 1 {
          value = String(value.dropFirst().dropLast())
        }
        if values[section]?[key] == nil { values[section, default: [:]][key] = value }
      }
    }
  }

  subscript(section: String, key: String) -> String? {
    guard let value = values[section]?[key], !value.isEmpty, value != "None" else { return nil }
    return value
  }
}
