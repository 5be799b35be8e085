public import HTTP

/// Where traces are sent, and of which requests.
public struct TracePlace: Sendable, Equatable {
  /// A collector's address for OTLP over HTTP.
  public var endpoint: URL
  /// The share of requests whose traces begin here that are told.
  public var sample: Double
  /// Fields that the collector wants.
  public var headers: [Fields.Field]
}
