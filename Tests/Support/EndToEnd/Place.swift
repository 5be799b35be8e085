public import Scratch
import OS

/// Where things are: this package's files, the program under test, a directory for one test.
public struct Place: Sendable {
  /// The root of the package.
  public static let package =
    #filePath.split(separator: "/").dropLast(4).map { "/\($0)" }.joined()

  /// The certd that is tested: `CERTD_BIN`, or the one built beside the tests.
  public static func certd() throws -> String {
    if let named = Subprocess.inheritedEnvironment()["CERTD_BIN"] { return named }
    return FileSystem.parent(of: try FileSystem().readLink("/proc/self/exe")) + "/certd"
  }

  /// The directory of this test, removed with the value.
  public let directory: ScratchDirectory

  /// A new directory.
  public init() throws { directory = try ScratchDirectory() }

  /// The path of a name in the directory.
  public func callAsFunction(_ name: String) -> String { directory(name) }

  /// Writes a file and returns its path.
  @discardableResult
  public func write(_ name: String, _ text: String) throws -> String {
    try FileSystem().publish(directory(name), Array(text.utf8), mode: 0o600)
    return directory(name)
  }

  /// A file's text; empty when it is not there.
  public func read(_ name: String) -> String {
    String(
      decoding: (try? FileSystem().read(directory(name), limitInBytes: 16 << 20)) ?? [], as: UTF8.self)
  }

  /// Starts a program in the directory.
  public func start(
    _ arguments: [String], environment: [String: String] = [:], called name: String
  ) async throws -> Child {
    try await Child(arguments, in: directory.path, environment: environment, called: name)
  }

  /// Runs a program to its end.
  public func run(
    _ arguments: [String], environment: [String: String] = [:], called name: String
  ) async throws -> Finished {
    let child = try await start(arguments, environment: environment, called: name)
    let ending = try await child.end()
    return Finished(ending: ending, output: child.output, errors: child.errors)
  }

  /// A program that has ended.
  public struct Finished: Sendable {
    /// How.
    public let ending: Child.Ending
    /// Its standard output.
    public let output: String
    /// Its standard error.
    public let errors: String
  }
}
