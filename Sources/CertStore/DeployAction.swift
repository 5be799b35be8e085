/// Something to do wherever a renewed certificate is used. Done again from the beginning when it failed, so each is
/// one that may be repeated.
public enum DeployAction: Codable, Sendable, Equatable {
  /// A shell command, killed with its process group when its time is up.
  case command(text: String, timeoutSeconds: UInt32)
  /// The same, by one node of a fleet only: the one that has renewed.
  case commandOnce(text: String, timeoutSeconds: UInt32)
  /// Copies of the PEM files elsewhere, each replaced in one step.
  case copy(files: FileCopies)
  /// `systemctl reload-or-restart` of a unit.
  case reload(unit: String)
  /// Google Cloud, as the configuration says then.
  case googleCloud
  /// A place of another provider.
  case destination(Destination)
  /// A TLS handshake with a server that must present the certificate by then.
  case proof(host: String, port: UInt16)

  /// How long a command may take unless told otherwise, in seconds.
  public static let defaultTimeoutSeconds: UInt32 = 300

  /// What is done, for people; a command is not shown, for it may hold a secret.
  public var summary: String {
    switch self {
    case .command, .commandOnce: "deploy hook"
    case .copy(let files): "copy to \(files.destinations.joined(separator: ", "))"
    case .reload(let unit): "reload of \(unit)"
    case .googleCloud: "push to Google Cloud"
    case .destination(let destination): destination.summary
    case .proof: "proof of service at \(target ?? "")"
    }
  }
}

extension DeployAction {
  /// The server that is to present the certificate, where that is what is to be proven.
  public var target: String? {
    guard case .proof(let host, let port) = self else { return nil }
    return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}

/// Where copies of a certificate's files go, as absolute paths.
public struct FileCopies: Codable, Sendable, Equatable {
  /// The leaf.
  public var cert: String?
  /// The intermediates.
  public var chain: String?
  /// Leaf and intermediates.
  public var fullchain: String?
  /// The private key.
  public var key: String?
  /// Leaf, intermediates and private key in one file, as HAProxy wants it.
  public var combined: String?
  /// The owner's name or number; nil for ours.
  public var owner: String?
  /// The group's name or number; nil for ours.
  public var group: String?
  /// Permission bits of what holds the key; of the others too, with reading for all where nothing is said.
  public var mode: UInt32?

  /// No copies.
  public init() {}

  /// Every path that is written.
  public var destinations: [String] { [cert, chain, fullchain, key, combined].compactMap { $0 } }
}
