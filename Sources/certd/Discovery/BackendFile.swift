import Configuration
import OS

/// A file that lists a service's backends.
struct BackendFile {
  let path: String
  let service: Service

  /// How often it is looked at, in seconds.
  static let lookSeconds = 0.5
  /// The largest that is read, in bytes.
  static let maximumBytes = 1 << 20

  /// What it says now.
  func read() -> DiscoveryOutcome {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try FileSystem().read(path, limitInBytes: Self.maximumBytes, followingLinks: true)
    } catch { return .failed("\(error)") }
    do throws(ConfigurationErrors) {
      return .found(try Configuration.readBackends(bytes, file: path, for: service))
    } catch { return .failed("\(error)") }
  }

  /// Tells what it says whenever that may have changed.
  func watch(_ tell: (DiscoveryOutcome) -> Void) async {
    var seen: FileWatch?
    while !Task.isCancelled {
      let now = FileWatch(paths: [path])
      if now != seen {
        // Seen before it was read: what changes meanwhile is read at the next look.
        seen = now
        tell(read())
      }
      guard (try? await World.sleep(seconds: Self.lookSeconds)) != nil else { return }
    }
  }
}
