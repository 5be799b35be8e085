import Bytes
import JSON
import OS
import PKI

/// Which content of each file of keys this node and its fleet had in common last: so that it is known, after a restart too,
/// who of both has changed it since.
struct SharedKeyMarks {
  /// The file's name in the store.
  static let fileName = "fleet-keys.json"
  /// The largest that is read, in bytes.
  static let maximumBytes = 1 << 20

  private let path: String
  private var digests: [String: String]

  /// As the store has them; one that cannot be read knows of nothing.
  init(_ store: String) {
    path = "\(store)/\(Self.fileName)"
    let bytes = (try? FileSystem().readIfPresent(path, limitInBytes: Self.maximumBytes)).flatMap { $0 } ?? []
    digests = (try? JSONValue(parsing: bytes))?.members.compactMapValues(\.string) ?? [:]
  }

  /// What is to be done where the fleet has one content and this node another.
  enum Choice: Equatable { case nothing, take, offer, conflict }

  /// Who has changed a group's file since both were the same. Where nobody can tell, the fleet's stands.
  func choice(_ group: String, own: [UInt8]?, fleet: [UInt8]?) -> Choice {
    guard let fleet else { return own == nil ? .nothing : .offer }
    guard let own, own != fleet else { return own == nil ? .take : .nothing }
    guard let mark = digests[group] else { return .conflict }
    if mark == Self.digest(own) { return .take }
    return mark == Self.digest(fleet) ? .offer : .conflict
  }

  /// Both have this content now.
  mutating func agree(_ group: String, _ content: [UInt8]) {
    let digest = Self.digest(content)
    guard digests[group] != digest else { return }
    digests[group] = digest
    let json = JSONValue.object(digests.mapValues { .string($0) })
    try? FileSystem().publish(path, Array(json.text.utf8), mode: 0o600)
  }

  private static func digest(_ content: [UInt8]) -> String {
    (try? Digest.sha256(content)).map(Hex.encode) ?? ""
  }
}
