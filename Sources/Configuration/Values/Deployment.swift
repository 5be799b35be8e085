/// One thing that is done wherever a renewed certificate is used.
public enum Deployment: Sendable, Equatable {
  /// A shell command and how long it may take, in seconds.
  case command(String, timeoutSeconds: Int)
  /// Copies of the files.
  case copy(CopyTargets)
  /// Reload of a systemd unit.
  case reload(unit: String)
  /// A server that must present the certificate.
  case servedAt(host: String, port: UInt16)
}

/// Where copies go; absolute paths.
public struct CopyTargets: Sendable, Equatable {
  /// The leaf.
  public var cert: String?
  /// The intermediates.
  public var chain: String?
  /// Leaf and intermediates.
  public var fullchain: String?
  /// The private key.
  public var key: String?
  /// Leaf, intermediates and key in one file.
  public var combined: String?
  /// The owner's name or number.
  public var owner: String?
  /// The group's name or number.
  public var group: String?
  /// Permission bits.
  public var mode: UInt32?

  /// No copies.
  public init() {}
}
