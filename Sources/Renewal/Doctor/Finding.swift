/// One thing that a look at a name has found. Advisory: nothing waits for it.
public struct Finding: Sendable, Equatable, Codable {
  /// How bad it is.
  public enum Severity: String, Sendable, Codable, CaseIterable {
    /// As it should be.
    case ok
    /// Works, or may work, but is worth a look.
    case warning
    /// A certificate will not be had, or not be served, before it is remedied.
    case problem
  }

  /// How bad it is.
  public let severity: Severity
  /// What was looked at: `a`, `aaaa`, `caa`, `http-01 192.0.2.1`, `clock`, `store`, `limits`.
  public let check: String
  /// What was found.
  public let what: String
  /// What to do about it; nil where there is nothing to do.
  public let remedy: String?

  /// A finding.
  public init(_ severity: Severity, _ check: String, _ what: String, remedy: String? = nil) {
    self.severity = severity
    self.check = check
    self.what = what
    self.remedy = remedy
  }
}
