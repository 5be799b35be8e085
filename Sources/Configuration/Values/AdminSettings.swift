/// Where certd shows what it does.
public struct AdminSettings: Sendable, Equatable {
  /// The Unix socket.
  public enum Socket: Sendable, Equatable {
    /// None.
    case off
    /// In the store's directory, under a name of ours.
    case inStore
    /// At an absolute path.
    case path(String)
  }

  /// The Unix socket.
  public var socket: Socket
  /// The TCP address, a loopback one; nil for none.
  public var address: ListenAddress?
  /// File with the tokens that `address` asks for; nil only without an address.
  public var tokenFile: Located<String>?
  /// File with the tokens that may change something by `address`, and read; nil where nobody may there.
  public var changeTokenFile: Located<String>?

  /// The socket in the store and nothing else.
  public static let standard = AdminSettings(socket: .inStore)
}
