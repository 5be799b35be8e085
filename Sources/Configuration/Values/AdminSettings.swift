/// What somebody may do by the admin API; each includes those before it.
public enum AdminRight: String, Sendable, Hashable, Comparable, CaseIterable {
  /// Look at the status page.
  case page
  /// Read everything, metrics too.
  case read
  /// Change something.
  case change

  /// Whether it is less.
  public static func < (a: Self, b: Self) -> Bool {
    allCases.firstIndex(of: a).map { $0 < (allCases.firstIndex(of: b) ?? 0) } ?? false
  }
}

extension Configuration {
  /// The directories whose files routes give out.
  public var fileRoots: Set<String> {
    Set(
      services.flatMap(\.backends).compactMap {
        if case .files(let directory) = $0.address { directory } else { nil }
      })
  }

  /// The rights by which routes lead to certd itself.
  public var routedAdminRights: Set<AdminRight> {
    Set(
      services.flatMap(\.backends).compactMap {
        if case .admin(let right) = $0.address { right } else { nil }
      })
  }
}

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
