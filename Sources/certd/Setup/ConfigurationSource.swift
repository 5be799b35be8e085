import Configuration
import OS

/// A configuration that can be read again, as a reload does.
enum ConfigurationSource: Sendable {
  /// A file, and a store that overrides the file's.
  case file(String, store: String?)
  /// The command line.
  case flags(InlineOptions)

  /// The file named, or the first of the usual ones that exists, or no flags at all.
  static func usual(_ named: String?, store: String?) -> ConfigurationSource {
    if let named { return .file(named, store: store) }
    let found = ["certd.yaml", "/etc/certd/certd.yaml"].first { FileSystem().isFile($0) }
    return found.map { .file($0, store: store) } ?? .flags(InlineOptions())
  }

  /// The largest configuration file, in bytes.
  static let maximumFileBytes = 1 << 20

  /// Reads it. Throws `SetupError.configuration` with every error that was found, or why the file cannot be read.
  func read() throws(SetupError) -> Configuration.Reading {
    switch self {
    case .flags(let options):
      guard !options.backends.isEmpty || !options.domains.isEmpty || !options.addresses.isEmpty else {
        throw .configuration(
          "no configuration: neither certd.yaml here nor /etc/certd/certd.yaml is there; name one with --config, "
            + "or give --domain or --ip, and --backend")
      }
      do throws(ConfigurationErrors) {
        return try Configuration.inline(options, baseDirectory: try Self.workingDirectory())
      } catch { throw .configuration(error.description) }
    case .file(let path, let store):
      let bytes: [UInt8]
      let absolute: String
      do throws(SystemError) {
        let fs = FileSystem()
        absolute = try fs.absolutePath(path)
        bytes = try fs.read(absolute, limitInBytes: Self.maximumFileBytes, followingLinks: true)
      } catch { throw .configuration("\(path): \(error)") }
      do throws(ConfigurationErrors) {
        var reading = try Configuration.read(
          bytes, file: path, baseDirectory: FileSystem.parent(of: absolute))
        if let store { reading = reading.with(store: store) }
        return reading
      } catch { throw .configuration(error.description) }
    }
  }

  private static func workingDirectory() throws(ConfigurationErrors) -> String {
    (try? FileSystem().absolutePath(".")) ?? "/"
  }
}

/// Why certd could not begin.
enum SetupError: Error, CustomStringConvertible, Sendable {
  /// The configuration is not valid: exit status 2.
  case configuration(String)
  /// Something else: exit status 1.
  case other(String)

  var description: String {
    switch self {
    case .configuration(let text), .other(let text): text
    }
  }
}

/// Does what computes or reads for long on a thread of its own, so that whoever waits for it can attend to others.
func apart<R: Sendable>(
  _ body: @escaping @Sendable () throws(SetupError) -> R
) async throws(SetupError) -> R {
  let result: Result<R, SetupError>
  do throws(SystemError) {
    result = try await OwnThread.run {
      do throws(SetupError) { return .success(try body()) } catch { return .failure(error) }
    }
  } catch { throw .other("\(error)") }
  return try result.get()
}
