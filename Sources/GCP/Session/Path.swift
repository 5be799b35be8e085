/// Where a Compute resource lives.
public enum Scope: Sendable, Hashable, Comparable, CustomStringConvertible {
  case global
  case region(String)
  case zone(String)

  /// `global`, `regions/europe-west1` or `zones/europe-west1-b`, as in a path.
  public var description: String {
    switch self {
    case .global: "global"
    case .region(let name): "regions/\(name)"
    case .zone(let name): "zones/\(name)"
    }
  }

  /// The location's name in Certificate Manager: `global` or the region's.
  public var location: String {
    switch self {
    case .global: "global"
    case .region(let name), .zone(let name): name
    }
  }

  /// For a steady order.
  public static func < (a: Self, b: Self) -> Bool { a.description < b.description }
}

/// The path of a resource or collection after `compute/v1/` or `v1/`; begins with `projects/`.
public struct Path: Sendable, Hashable, CustomStringConvertible {
  /// Which interface it belongs to.
  public let api: API
  /// For instance `projects/p/global/sslCertificates/n`.
  public let text: String

  /// A path as it stands.
  public init(_ api: API, _ text: String) {
    self.api = api
    self.text = text
  }

  /// The path without its project, for messages: `global/sslCertificates/n`.
  public var description: String {
    let parts = text.split(separator: "/", maxSplits: 2)
    return parts.count == 3 && parts[0] == "projects" ? String(parts[2]) : text
  }

  /// The path with one more part: a resource's name, or a verb.
  public func appending(_ part: String) -> Path { Path(api, "\(text)/\(part)") }

  /// Where a Compute path says that its resource lives; global for one without a scope, as in
  /// `projects/p/targetHttpsProxies/n/setSslCertificates`.
  var scope: Scope {
    let parts = text.split(separator: "/").map(String.init)
    guard parts.count > 3 else { return .global }
    switch parts[2] {
    case "regions": return .region(parts[3])
    case "zones": return .zone(parts[3])
    default: return .global
    }
  }
}
