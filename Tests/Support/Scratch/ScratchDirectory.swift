import CLinux
import OS

/// An empty directory of its own for one test, removed with the value.
public final class ScratchDirectory: Sendable {
  /// Its absolute path, without a slash at the end.
  public let path: String
  private static let root = "/tmp"

  /// Makes one below the system's temporary directory.
  public init() throws {
    var template = Array("\(Self.root)/certd-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError(call: "mkdtemp", code: certd_errno()) }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// The path of a name in it.
  public func callAsFunction(_ name: String) -> String { path + "/" + name }

  deinit { try? FileSystem().removeTree(path, inside: Self.root) }
}
