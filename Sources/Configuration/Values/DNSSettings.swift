public import DNS

/// How DNS-01 is answered (RFC 8555 §8.4).
public struct DNSSettings: Sendable, Equatable {
  /// Who changes the zones.
  public enum Provider: Sendable, Equatable {
    /// A program.
    case hook(path: String)
    /// Dynamic updates (RFC 2136).
    case update(DNSUpdateSettings)
    /// Google Cloud DNS: in a project, and in one managed zone where it is named.
    case googleCloud(project: String?, zone: String?)
  }

  /// Who changes the zones.
  public var provider = Provider.googleCloud(project: nil, zone: nil)
  /// When a program is killed.
  public var timeout = Duration.seconds(120)
  /// How long a record may be kept by others.
  public var ttl = Duration.seconds(60)
  /// Whether every server of the zone is asked before the CA is.
  public var propagationCheck = true
  /// How long to wait for that.
  public var propagationTimeout = Duration.seconds(120)
  /// Recursive servers; empty for the system's.
  public var resolvers: [ServerAddress] = []
  /// Where the zones' own servers listen.
  public var authoritativePort: UInt16 = 53
  /// Where the section stands.
  public var origin = Origin.none
}

/// How zones are changed by dynamic update.
public struct DNSUpdateSettings: Sendable, Equatable {
  /// The server that takes updates; nil for the zone's primary, as its SOA names it.
  public var server: ServerAddress?
  /// The name of the TSIG key; nil for the one in the file.
  public var keyName: String?
  /// The file with the key, as an absolute path; nil for unsigned updates.
  public var keyFile: String?
  /// How messages are signed; nil for what the file says, or HMAC with SHA-256.
  public var algorithm: TransactionKey.Algorithm?
}

/// A server by name or address.
public struct ServerAddress: Sendable, Equatable {
  /// The host's name or address.
  public var host: String
  /// Its port.
  public var port: UInt16
}
