import OS
import PKI

/// What cookies are made with that keep clients at backends: a file in the store, so that they stay over restarts.
enum AffinitySecret {
  /// How long it is, in bytes.
  static let bytes = 32

  /// What the file holds, which is made where there is none. Without one clients are kept until certd ends.
  static func load(_ directory: String, _ warn: (String) -> Void) -> [UInt8] {
    let path = directory + "/affinity.key"
    let files = FileSystem()
    do throws(SystemError) {
      if let kept = try files.readIfPresent(path, limitInBytes: 4096), kept.count == bytes { return kept }
      let made = Random.bytes(bytes)
      try files.publish(path, made, mode: 0o600)
      return made
    } catch {
      warn("\(error)")
      return Random.bytes(bytes)
    }
  }
}
