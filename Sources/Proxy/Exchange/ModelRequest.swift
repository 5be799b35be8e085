internal import EventLoop
internal import ModelAPI

/// What is known of a request to a model server besides that it is one of HTTP: its prompt, what the attempt's engine has been
/// charged with for it, and its answer as a stream of events. Other requests have none.
@safe struct ModelRequest: Slotted {
  var slot = Slot()
  /// The interface that it is of; nil where its path is of none that is known.
  var api: EngineAPI?
  /// Its service goes by what its engines do.
  var tellsProgress = false

  /// What it has in common with others that belong on one backend, as a hash; 0 where nothing is known.
  var session: UInt64 = 0

  // MARK: The model

  /// The line that its head has chosen, if it has.
  var rule: UnsafeMutablePointer<CompiledModels.Rule>?
  /// A hash of the name that its engine gets; 0 where it is not known.
  var name: UInt64 = 0
  /// Who has it where its service has no answer, and how many there are.
  var fallback: UnsafeMutablePointer<CompiledModels.Target>?
  var fallbacks = 0
  /// Where the model's name begins, in bytes from the end of what is kept of the content, and how long it is there.
  var nameFromEnd = 0
  var nameLength = 0

  // MARK: The prompt

  /// It has been read.
  var isRead = false
  /// The answer comes as it is made: when it begins, the prompt has been read.
  var streams = false
  /// How long it is, in tokens as far as one can tell.
  var tokens = 0
  /// The blocks of the worker's that are its own, as long as nobody else's have been read.
  var blocks = 0
  var reading: UInt64 = 0
  /// How long the content is that it stands in, in bytes.
  var contentBytes = 0
  /// The most tokens that the answer has, where it comes as a whole; nil where nobody knows.
  var wholeTokens: Int? = 0

  // MARK: The attempt

  /// Blocks of it that the attempt's engine was thought to know.
  var known = 0
  /// Tokens of it in flight on the attempt's engine.
  var charged = 0
  /// All that were in flight there when it was sent.
  var inFlight = 0
  var sentNanoseconds: UInt64 = 0
  /// How long the engine may give nothing at all from then on, in milliseconds; 0 where nobody can tell.
  var patience: UInt64 = 0
  /// When the answer's head has begun to be waited for.
  var waitMilliseconds: UInt64 = 0

  // MARK: Who asks, and what is used

  /// Whose request it is, as a hash of the key that it came with; 0 without one.
  var keyHash: UInt64 = 0
  /// How urgent it is: 0 for high, 1 for normal, 2 for low.
  var priority: UInt8 = 1
  /// Tokens that the prompt has, as its engine has told; nil until then.
  var promptTokens: Int?
  /// How many of them came from the engine's cache, as it has told.
  var cachedTokens: Int?
  /// Tokens of the answer so far: counted by its events, then as the engine has told.
  var completionTokens = 0

  // MARK: The events

  /// Events pass to the client as they come, and something may be said between them.
  var isOpen = false
  /// text/event-stream, not lines of JSON.
  var hasEmptyLines = false
  /// What has gone to the client ends with a whole event.
  var isBetween = true
  /// After how much silence the client is sent a comment, in milliseconds; 0 for never.
  var everyMilliseconds: UInt64 = 0
  /// When the last of them went.
  var eventMilliseconds: UInt64 = 0

  init() {}
}
