internal import JSON

/// Whose a resource is: written as JSON into its description when it is made, the one thing that classic
/// certificates let us say about them. A name that looks like ours proves nothing.
public struct Ownership: Sendable, Hashable {
  /// The certificate's name, or the proxy's of a map.
  public let name: String
  /// The project that it was made for.
  public let project: String
  /// The leaf's SHA-256 in hexadecimal; nil for what changes in place.
  public let sha256: String?
  /// Which installation of certd made it, several being able to share a project; nil before they had identifiers.
  public let installation: String?

  /// The version of this form.
  static let version: Int64 = 1

  /// What is ours under a name.
  public init(name: String, project: String, sha256: String?, installation: String? = nil) {
    self.installation = installation
    self.name = name
    self.project = project
    self.sha256 = sha256
  }

  /// Reads a description; nil when it is not one of ours.
  public init?(description: String?) {
    guard let text = description, text.hasPrefix("{"), let json = try? JSONValue(parsing: text.utf8),
      json["certd"]?.int == Self.version, let name = json["name"]?.string,
      let project = json["project"]?.string
    else { return nil }
    self.init(
      name: name, project: project, sha256: json["sha256"]?.string,
      installation: json["installation"]?.string)
  }

  /// Whether an installation may remove it: its own, and what was made before there were identifiers. Another one may
  /// be between uploading it and putting it to use.
  func isRemovable(by other: String?) -> Bool { installation == nil || installation == other }

  /// The description to write.
  public var text: String {
    var json: JSONValue = [
      "certd": .number(String(Self.version)), "name": .string(name), "project": .string(project),
    ]
    if let sha256 { json["sha256"] = .string(sha256) }
    if let installation { json["installation"] = .string(installation) }
    return json.text
  }
}
