/// Where a request would go at this moment, and why. Made by the code that sends requests, of what it sees.
public struct RouteExplanation: Sendable {
  /// The place of its route in the settings; nil where there is none.
  public var route: Int?
  /// The status of our own answer, and its words, where no backend would be asked.
  public var refusal: (status: Int, code: String, reason: String)?
  /// The line of the route's models that it goes by: as it is written.
  public var modelLine: String?
  /// The model that it asks for.
  public var model: String?
  /// Who told the model: its content, or its head.
  public var isModelFromHead = false
  /// The services that would have it: the first one, and then those that stand in where the one before has no answer.
  public var services: [ServiceView] = []
  /// The prompt in tokens, as far as one can tell; nil where it would not be read.
  public var promptTokens: Int?
  /// Its place in the worker's turn is its own: among equals another worker may choose another one.
  public var worker = 0

  /// A service, as the worker sees it.
  public struct ServiceView: Sendable {
    /// Its name.
    public var name: String
    /// The model's name that its engine gets; nil for the client's.
    public var engineModel: String?
    /// Its backends, in their order.
    public var backends: [BackendView] = []
    /// The place of the one that is chosen; nil where it would wait, or be turned away.
    public var choice: Int?
    /// Why that one, or none.
    public var reason = ""
    /// What one backend may have under way; nil for no limit.
    public var maximumRequests: Int?
    /// How many wait for room.
    public var waiting = 0
    /// How many may.
    public var queueSize = 0
  }

  /// A backend, as the worker sees it.
  public struct BackendView: Sendable {
    /// What the configuration calls it, with its address where it has a name.
    public var name: String
    /// Whether requests are sent to it, with the reason where none are.
    public var state: State
    /// How long the ejection still lasts, in milliseconds; 0 without one.
    public var ejectedMilliseconds: UInt64 = 0
    /// How much of its weight counts, in percent: less while it starts slowly.
    public var warmth = 100
    /// Its share.
    public var weight = 1
    /// Requests under way, of all workers.
    public var requests = 0
    /// Those and what recent failures count as.
    public var load = 0
    /// Connections open.
    public var connections = 0
    /// Tokens that it has still to read of others.
    public var tokensInFlight = 0
    /// Tokens that it reads in a second, as learnt.
    public var rate = 0
    /// Tokens of this prompt that it is thought to know.
    public var knownTokens = 0
    /// How long the request would wait there for its first token, in microseconds; nil where the policy does not go by it.
    public var waitMicroseconds: UInt64?
    /// How long answers have taken of late, in microseconds; nil where the policy does not go by it.
    public var latencyMicroseconds: UInt64?
    /// Whether it may have one request more.
    public var hasRoom = true
    /// Whether it may have the model, by the list of its own.
    public var mayHaveModel = true
  }

  /// Whether a backend gets requests.
  public enum State: String, Sendable {
    case healthy, unhealthy, unchecked, drained, unresolved, ejected
    /// It gives nothing to anybody although its health is good.
    case standsStill = "stands still"
    /// Its connections are as many as may be.
    case full
    /// It has less than its share for a while.
    case slowStart = "slow start"
  }
}
