/// A reference to a resource in the one form in which two of them can be compared.
///
/// Google's answers name the same resource as `https://www.googleapis.com/compute/v1/projects/…`, with other
/// hosts and versions, as a path, or beginning at `global/`; Certificate Manager as `//certificatemanager…/`.
public struct ResourceLink: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// `projects/p/global/sslCertificates/n`
  public let path: String

  /// Normalises a link; a partial one is of the given project.
  public init(_ text: String, project: String) {
    var rest = Substring(text)
    if let scheme = rest.range(of: "://") { rest = rest[scheme.upperBound...] }
    while rest.hasPrefix("/") { rest = rest.dropFirst() }
    if rest.hasPrefix("projects/") {
      path = String(rest)
    } else if let start = rest.range(of: "/projects/") {
      path = String(rest[rest.index(after: start.lowerBound)...])
    } else {
      path = "projects/\(project)/\(rest)"
    }
  }

  /// The link of a path.
  public init(_ path: Path) { self.path = path.text }

  private var parts: [Substring] { path.split(separator: "/") }

  /// The project's ID, as written in the link.
  public var project: String { parts.count > 1 ? String(parts[1]) : "" }
  /// The last part: the resource's name.
  public var name: String { parts.last.map(String.init) ?? "" }
  /// The part before the name, for instance `sslCertificates`.
  public var collection: String { parts.count > 1 ? String(parts[parts.count - 2]) : "" }
  /// Where the resource lives; global unless a region or zone is named.
  public var scope: Scope { Path(.compute, path).scope }
  /// Whether it is Certificate Manager's: those have a location in place of a scope.
  public var isCertificateManager: Bool { parts.count > 2 && parts[2] == "locations" }

  /// The path without its project.
  public var description: String { Path(.compute, path).description }

  /// For a steady order.
  public static func < (a: Self, b: Self) -> Bool { a.path < b.path }
}

extension Substring {
  /// Where a text first occurs.
  func range(of text: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
      start = index(after: start)
    }
    return nil
  }
}
