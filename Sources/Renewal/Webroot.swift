public import ACME
public import OS

/// The folder of another web server's files, in which HTTP-01 answers are put (RFC 8555 §8.3).
public struct Webroot: Sendable {
  /// The folder that the server has `/` from; absolute.
  public let path: String
  /// The folder that remembers what has been put there, for when somebody kills us in between; nil for nowhere.
  private let record: String?
  private let now: @Sendable () -> Int64
  private let fs = FileSystem()

  /// How old an answer is that is left from a run which came to an end too early, in seconds: longer than any validation.
  static let staleSeconds: Int64 = 3600
  /// The largest record, in bytes.
  private static let maximumRecordBytes = 8192

  /// A web server's root.
  public init(
    _ path: String, record: String? = nil, now: @escaping @Sendable () -> Int64 = { Clock.wallSeconds() }
  ) {
    self.path = path
    self.record = record
    self.now = now
  }

  private var folder: String { path + "/.well-known/acme-challenge" }

  /// Makes the answer a file that everybody may read.
  public func publish(_ answer: ChallengeAnswer) throws(SystemError) {
    // The root itself has to be there: one that is mistyped is not made.
    for made in [path + "/.well-known", folder] where try fs.statusIfPresent(made) == nil {
      try fs.makeDirectory(made, mode: 0o755)
    }
    let file = "\(folder)/\(answer.token)"
    if let record {
      if try fs.statusIfPresent(record) == nil { try fs.makeDirectory(record, mode: 0o700) }
      try fs.publish("\(record)/\(answer.token)", Array("\(now()) \(file)".utf8), mode: 0o600)
    }
    try fs.publish(file, Array(answer.keyAuthorization.utf8), mode: 0o644)
  }

  /// Removes the file; the folders stay, for they may be others'.
  public func withdraw(_ answer: ChallengeAnswer) {
    try? fs.unlinkIfPresent("\(folder)/\(answer.token)")
    if let record { try? fs.unlinkIfPresent("\(record)/\(answer.token)") }
  }

  /// Removes answers that a run has left which was killed. Only files that were remembered are touched, and of those only
  /// answers.
  public func tidy() {
    guard let record else { return }
    for token in (try? fs.list(record)) ?? [] {
      let place = "\(record)/\(token)"
      guard let bytes = try? fs.read(place, limitInBytes: Self.maximumRecordBytes) else { continue }
      let parts = String(decoding: bytes, as: UTF8.self).split(separator: " ", maxSplits: 1)
      if parts.count == 2, let time = Int64(parts[0]) {
        guard now() - time >= Self.staleSeconds else { continue }
        let file = String(parts[1])
        if file.hasSuffix("/.well-known/acme-challenge/\(token)") { try? fs.unlinkIfPresent(file) }
      }
      try? fs.unlinkIfPresent(place)
    }
  }
}
