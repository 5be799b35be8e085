public import Telemetry

/// What is logged, and where.
public struct LogSettings: Sendable, Equatable {
  /// The shape of a line; `auto` is text on a terminal and JSON otherwise.
  public enum Format: String, Sendable, CaseIterable { case auto, text, json }
  /// The least important level that is written.
  public var level = Log.Level.info
  /// The shape of a line.
  public var format = Format.auto
  /// Where the access log goes; nil for nowhere.
  public var access: AccessSettings?
}
