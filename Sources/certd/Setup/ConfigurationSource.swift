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
    return usualFile().map { .file($0, store: store) } ?? .flags(InlineOptions())
  }

  /// The configuration that is used where none is named.
  static func usualFile() -> String? {
    ["certd.yaml", "/etc/certd/certd.yaml"].first { FileSystem().isFile($0) }
  }

  /// The largest configuration file, in bytes.
  static let maximumFileBytes = 1 << 20

  /// Reads it for those who serve by it: one that is empty, cut off early or all comment would end everything that is served
  /// at present, and is an error.
  func readToServe(_ recognized: [String: ServiceKind] = [:]) throws(SetupError) -> Configuration.Reading {
    let reading = try read(recognized)
    if case .file(let path, _) = self { try Self.refuseNothing(reading.configuration, path) }
    return reading
  }

  /// Reads it. Throws `SetupError.configuration` with every error that was found, or why the file cannot be read.
  func read(_ recognized: [String: ServiceKind] = [:]) throws(SetupError) -> Configuration.Reading {
    switch self {
    case .flags(let options):
      guard !options.backends.isEmpty || !options.domains.isEmpty || !options.addresses.isEmpty else {
        throw .configuration(
          "no configuration: neither certd.yaml here nor /etc/certd/certd.yaml is there; name one with --config, "
            + "or give --domain or --ip, and --backend")
      }
      do throws(ConfigurationErrors) {
        return try Configuration.inline(
          options, baseDirectory: try Self.workingDirectory(), recognized: recognized)
      } catch { throw .configuration(error.description) }
    case .file(let path, let store):
      let bytes: [UInt8]
      let absolute: String
      do throws(SystemError) {
        let fs = FileSystem()
        absolute = try fs.absolutePath(path)
        bytes = try fs.read(absolute, limitInBytes: Self.maximumFileBytes, followingLinks: true)
      } catch { throw .configuration("\(path): \(error)") }
      var reading: Configuration.Reading
      do throws(ConfigurationErrors) {
        reading = try Configuration.read(
          bytes, file: path, baseDirectory: FileSystem.parent(of: absolute), variables: Self.variables,
          includes: IncludedFiles.includes(
            named: FileSystem.parent(of: path), absolute: FileSystem.parent(of: absolute)),
          recognized: recognized)
      } catch { throw .configuration(error.description) }
      if let store { reading = reading.with(store: store) }
      return reading
    }
  }

  private static func refuseNothing(_ configuration: Configuration, _ path: String) throws(SetupError) {
    guard configuration.routes.isEmpty, configuration.certificates.isEmpty, configuration.gcp == nil else {
      return
    }
    throw .configuration(
      "\(path): it serves nothing: there are neither routes nor certificates in it; is it whole?")
  }

  /// The environment, and files as large as a configuration may be.
  private static let variables = Variables(
    named: { name in Subprocess.inheritedEnvironment()[name] },
    contents: { path throws(Variables.Unreadable) in
      do throws(SystemError) {
        let bytes = try FileSystem().read(path, limitInBytes: maximumFileBytes, followingLinks: true)
        guard let text = String(validating: bytes, as: UTF8.self) else {
          throw SystemError(call: "read", code: 84)
        }
        return text
      } catch { throw Variables.Unreadable("\(error)") }
    })

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

extension Configuration.Reading {
  /// The same with another store.
  func with(store: String) -> Configuration.Reading {
    var changed = configuration
    changed.store = store
    return Configuration.Reading(configuration: changed, warnings: warnings)
  }
}
