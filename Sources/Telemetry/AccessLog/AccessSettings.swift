/// What the access log is told.
public struct AccessSettings: Sendable, Equatable {
  /// Where lines go.
  public var destination: AccessLog.Destination
  /// Their shape.
  public var format = AccessFormat.json
  /// The share of requests that have a line; those that failed have one always.
  public var sample = 1.0
  /// When its file is put aside by its size; nil for never.
  public var rotation: Rotation?

  /// When a file is put aside, and how many are kept.
  public struct Rotation: Sendable, Equatable {
    /// From which size on, in bytes.
    public var sizeInBytes = 100 << 20
    /// How many of those that were put aside are kept: `.1` is the newest.
    public var keep = 5

    /// The default.
    public init() {}
  }

  /// All requests, as JSON.
  public init(to destination: AccessLog.Destination) { self.destination = destination }

  /// The file that is written, if it is one.
  public var file: String? { if case .file(let path) = destination { path } else { nil } }

  /// Whether clients' own names for themselves are told.
  public var tellsUserAgent: Bool {
    switch format {
    case .json: false
    case .combined: true
    case .template(let template): template.has(.userAgent)
    }
  }
}
