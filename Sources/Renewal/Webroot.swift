public import ACME
public import OS

/// The folder of another web server's files, in which HTTP-01 answers are put (RFC 8555 §8.3).
public struct Webroot: Sendable {
  /// The folder that the server has `/` from; absolute.
  public let path: String
  private let fs = FileSystem()

  /// A web server's root.
  public init(_ path: String) { self.path = path }

  private var folder: String { path + "/.well-known/acme-challenge" }

  /// Makes the answer a file that everybody may read.
  public func publish(_ answer: ChallengeAnswer) throws(SystemError) {
    // The root itself has to be there: one that is mistyped is not made.
    for made in [path + "/.well-known", folder] where try fs.statusIfPresent(made) == nil {
      try fs.makeDirectory(made, mode: 0o755)
    }
    try fs.publish("\(folder)/\(answer.token)", Array(answer.keyAuthorization.utf8), mode: 0o644)
  }

  /// Removes the file; the folders stay, for they may be others'.
  public func withdraw(_ answer: ChallengeAnswer) {
    try? fs.unlinkIfPresent("\(folder)/\(answer.token)")
  }
}
