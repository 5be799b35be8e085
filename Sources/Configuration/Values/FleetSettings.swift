public import HTTP

/// Other nodes that serve the same, and the etcd that they share. What is a secret is never shown.
public struct FleetSettings: Sendable, Equatable {
  /// Members of etcd.
  public var endpoints: [URL] = []
  /// File with the roots that etcd's certificates come from, absolute; nil for the system's.
  public var ca: String?
  /// File with the certificate that etcd is shown, absolute.
  public var cert: String?
  /// File with its key, absolute.
  public var key: String?
  /// The user at etcd.
  public var user: String?
  /// Its password.
  public var password: String?
  /// What all keys at etcd begin with.
  public var prefix = "/certd"
  /// The key that secrets are sealed with, 32 bytes.
  public var sealKey: [UInt8] = []
  /// Older ones that what is sealed may have been sealed with.
  public var oldSealKeys: [[UInt8]] = []
  /// Whether the files of keys are the same at every node.
  public var sharesKeys = false
  /// Whether configurations are taken that are pushed.
  public var follows = false
  /// This node's name.
  public var node = ""
  /// Where the section stands.
  public var origin = Origin.none

  /// Settings.
  public init() {}
}
