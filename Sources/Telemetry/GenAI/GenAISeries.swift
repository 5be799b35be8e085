internal import Synchronization

/// What one worker has measured of requests for one model at one backend, by the names and bounds of OpenTelemetry's semantic
/// conventions for generative AI. One thread records, any thread reads.
public final class GenAISeries: @unchecked Sendable {
  /// What tells one series from another.
  public struct Labels: Hashable, Sendable {
    /// The service's name.
    public var service: String
    /// The backend's name.
    public var backend: String
    /// The model that was asked for, as the client wrote it.
    public var model: String
    /// `chat`, `text_completion`, `embeddings`: `gen_ai.operation.name`.
    public var operation: String

    /// Labels with these values.
    public init(service: String, backend: String, model: String, operation: String) {
      self.service = service
      self.backend = backend
      self.model = model
      self.operation = operation
    }
  }

  /// Bounds in microseconds, or in tokens, as the conventions advise.
  enum Bounds {
    static let firstToken: [UInt64] = [
      1000, 5000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000, 250_000, 500_000, 750_000, 1_000_000,
      2_500_000, 5_000_000, 7_500_000, 10_000_000,
    ]
    static let outputToken: [UInt64] = [
      10_000, 25_000, 50_000, 75_000, 100_000, 150_000, 200_000, 300_000, 400_000, 500_000, 750_000,
      1_000_000, 2_500_000,
    ]
    static let duration: [UInt64] = (0..<14).map { 10_000 << UInt64($0) }
    static let tokens: [UInt64] = (0..<14).map { 1 << (2 * UInt64($0)) }
  }

  /// Its labels.
  public let labels: Labels
  /// From the request's head to the first content of a stream, in microseconds.
  public let timeToFirstToken = BoundedHistogram(Bounds.firstToken)
  /// From the first content to the end, for each token behind the first, in microseconds: one value a stream.
  public let timePerOutputToken = BoundedHistogram(Bounds.outputToken)
  /// Between two pieces of content of a stream, in microseconds: one value an event.
  public let interToken = BoundedHistogram(Bounds.outputToken)
  /// From the request's head to the answer's end, in microseconds.
  public let duration = BoundedHistogram(Bounds.duration)
  /// Tokens of prompts, as engines told.
  public let inputTokens = BoundedHistogram(Bounds.tokens)
  /// Tokens of answers, as engines told, or as events were counted.
  public let outputTokens = BoundedHistogram(Bounds.tokens)
  private let numbers = Numbers()

  /// What is added up beside the histograms.
  private final class Numbers: Sendable {
    let predicted = Atomic<UInt64>(0)
    let cached = Atomic<UInt64>(0)
    let missed = Atomic<UInt64>(0)
  }

  /// A series without values.
  public init(_ labels: Labels) { self.labels = labels }

  /// Prompt tokens that the backend was thought to have in its cache when it was chosen.
  public var predictedTokens: UInt64 { numbers.predicted.load(ordering: .relaxed) }
  /// Prompt tokens that came from the cache, as engines told.
  public var cachedTokens: UInt64 { numbers.cached.load(ordering: .relaxed) }
  /// By how many tokens estimates of prompts were wrong, either way.
  public var missedTokens: UInt64 { numbers.missed.load(ordering: .relaxed) }

  /// Adds to them.
  public func add(predicted: Int, cached: Int, missed: Int) {
    numbers.predicted.wrappingAdd(UInt64(clamping: predicted), ordering: .relaxed)
    numbers.cached.wrappingAdd(UInt64(clamping: cached), ordering: .relaxed)
    numbers.missed.wrappingAdd(UInt64(clamping: missed), ordering: .relaxed)
  }
}
