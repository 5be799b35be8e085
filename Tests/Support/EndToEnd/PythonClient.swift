import OS

/// Clients and servers in Python that others wrote, installed by `scripts/python-clients`.
public struct PythonClient: Sendable {
  private let place: Place
  private static let python = "\(Place.package)/.build/clients/bin/python"

  /// Run in the directory of a test.
  public init(_ place: Place) { self.place = place }

  private func command(_ name: String) -> [String] {
    [
      "env", "PYTHONDONTWRITEBYTECODE=1", Self.python,
      "\(Place.package)/Tests/Support/EndToEnd/clients/\(name).py",
    ]
  }

  /// Whether a package that not every machine has is installed.
  public static func has(_ module: String) -> Bool { file(module) != nil }

  /// Where a file of a package is; nil where it is not installed.
  public static func file(_ name: String) -> String? {
    let libraries = "\(Place.package)/.build/clients/lib"
    let versions = (try? FileSystem().list(libraries)) ?? []
    return versions.map { "\(libraries)/\($0)/site-packages/\(name)" }.first {
      (try? FileSystem().status($0)) != nil
    }
  }

  /// Runs a script to its end.
  public func callAsFunction(_ name: String, _ arguments: [String]) async throws -> Place.Finished {
    try await place.run(command(name) + arguments, called: name)
  }

  /// Starts a server, which prints its port.
  public func serve(_ name: String, _ arguments: [String] = []) async throws -> (port: String, child: Child) {
    let child = try await place.start(command(name) + arguments, called: name)
    try await eventually("\(name) listens: \(child.errors)") {
      guard child.ending == nil else {
        throw NeverHappened(what: "\(name), installed by scripts/python-clients: \(child.errors)")
      }
      return child.output.contains("\n")
    }
    return (String(child.output.dropFirst("port ".count).prefix { $0.isNumber }), child)
  }
}
