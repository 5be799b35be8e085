/// How many bytes of a prompt's text make a token, for each model by what its engines tell. Pure.
///
/// A table of a fixed size without collisions to speak of: a model whose place another one has taken begins anew.
public struct TokenRatios: Sendable {
  /// How many models are remembered.
  public static let capacity = 256
  /// What is assumed of a model of which nothing has been told, in bytes per token.
  public static let assumed = 4.0
  /// The least and the most that is believed, in bytes per token.
  public static let limits = 1.0...16.0
  /// The shortest prompt that is learnt from, in bytes: of shorter ones most is what engines put around them.
  public static let leastBytes = 1024
  /// The weight of what is told anew: one part in so many.
  private static let inertia = 8.0

  private struct Entry {
    var model: UInt64 = 0
    var bytes = TokenRatios.assumed
  }

  private var entries: [Entry] = []

  /// Nothing is known.
  public init() {}

  /// How many bytes of a prompt for a model make a token. `model` is a hash of its name.
  public func bytesPerToken(of model: UInt64) -> Double {
    guard !entries.isEmpty else { return Self.assumed }
    let entry = entries[Self.place(model)]
    return entry.model == model ? entry.bytes : Self.assumed
  }

  /// How many tokens a prompt of so many bytes has, as far as one can tell.
  public func tokens(bytes: Int, of model: UInt64) -> Int {
    guard bytes > 0 else { return 0 }
    return Int((Double(min(bytes, 1 << 50)) / bytesPerToken(of: model)).rounded(.up))
  }

  /// An engine has told that a prompt of so many bytes has so many tokens.
  public mutating func learn(bytes: Int, tokens: Int, of model: UInt64) {
    guard bytes >= Self.leastBytes, tokens > 0 else { return }
    if entries.isEmpty { entries = Array(repeating: Entry(), count: Self.capacity) }
    let sample = min(max(Double(bytes) / Double(tokens), Self.limits.lowerBound), Self.limits.upperBound)
    let before = bytesPerToken(of: model)
    let now = before + (sample - before) / Self.inertia
    entries[Self.place(model)] = Entry(model: model, bytes: now)
  }

  private static func place(_ model: UInt64) -> Int { Int(model % UInt64(capacity)) }
}
