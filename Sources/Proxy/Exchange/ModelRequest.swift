internal import APIKeys
internal import EventLoop
internal import ModelAPI
internal import Telemetry
internal import Upstream

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

  /// What keeps it at a backend, as a hash of what its head says; 0 where that is nothing.
  var affinity: UInt64 = 0

  // MARK: The model

  /// The line that its head has chosen, if it has.
  var rule: UnsafeMutablePointer<CompiledModels.Rule>?
  /// A hash of the name that its engine gets; 0 where it is not known.
  var wanted: UInt64 = 0
  /// Who has it where its service has no answer, and how many there are.
  var fallback: UnsafeMutablePointer<CompiledModels.Target>?
  var fallbacks = 0
  /// Where the model's name begins, in bytes from the end of what is kept of the content, and how long it is there.
  var nameFromEnd = 0
  var nameLength = 0
  /// Bytes right before it that tell its length; 0 where none do.
  var nameFrame = 0

  // MARK: The prompt

  /// It has been read.
  var isRead = false
  /// The answer comes as it is made: when it begins, the prompt has been read.
  var streams = false
  /// How long it is, in bytes, and in tokens as far as one can tell.
  var promptBytes = 0
  var tokens = 0
  /// The blocks of the worker's that are its own, as long as nobody else's have been read.
  var blocks = 0
  var reading: UInt64 = 0
  /// How long the content is that it stands in, in bytes, as it came.
  var readBytes = 0
  /// How the content is coded that is kept, and whether it had come otherwise.
  var coding = RequestCoding.none
  var isInflated = false
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

  // MARK: Two attempts at once

  /// When another backend gets it as well unless its answer has begun, in monotonic milliseconds; 0 for never.
  var hedgesAt: UInt64 = 0
  /// Since when its answer has been waited for first; 0 where nobody looks.
  var hedgesFrom: UInt64 = 0
  /// The earlier of two attempts, which has all of it, and the backend that counts it.
  var earlier: Ref<BackendConnection>?
  var earlierCounted: Unmanaged<BackendStatus>?

  // MARK: Who asks, and what is used

  /// The key that it came with; the exchange's snapshot keeps it. Nil without one, and when its tokens have been settled.
  var key: UnsafeMutablePointer<KeyRing.Entry>?
  /// What the key stands in where it is a token's, retained.
  var keyOwner: Unmanaged<KeyRing>?
  /// Its path names the model.
  var isNamedByPath = false
  /// Tokens that were set aside for it, of its key and of the key's group.
  var held: KeyUsage.Reservation?
  var groupHeld: KeyUsage.Reservation?
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
  /// The engine is asked to tell what a stream has used, whether the client wants to know or not.
  var countsTokens = false
  /// Its key has no tokens left for the rest of its answer.
  var isSpent = false
  /// It is, and the client has not asked for it.
  var addsUsage = false
  /// What the model is called, as the client wrote it; cut to what has room.
  private(set) var nameText = InlineArray<64, UInt8>(repeating: 0)
  private(set) var nameCount = 0
  /// A hash of the whole name; 0 where nobody has read it.
  private(set) var nameHash: UInt64 = 0

  // MARK: The answer

  /// It is read as it passes.
  var isScanned = false
  /// All of it has come.
  var isWhole = false
  var answer = ResponseScan(.document)
  /// Events with content so far, when the first came, and the last.
  var events = 0
  var firstNanoseconds: UInt64 = 0
  var contentNanoseconds: UInt64 = 0
  /// Where it is measured; retained.
  var series: Unmanaged<GenAISeries>?
  /// Events that tell usage only are left out; what may be one is held until it is whole.
  var filtersUsage = false
  var heldEvent = ParkedOutput()

  // MARK: The wait for room

  /// Its place in its service's room, while it waits there.
  var ticket = WaitingRoom.Ticket()
  /// Retained: the room that it has a ticket of.
  var room: Unmanaged<ServiceRoom>?
  /// How long it may wait altogether, in monotonic milliseconds; 0 before it does.
  var waitsUntil: UInt64 = 0
  /// When it was called, in monotonic milliseconds; 0 where it has not waited.
  var calledMilliseconds: UInt64 = 0
  /// The backend that counts it already, between being called and being sent.
  var granted: Unmanaged<BackendStatus>?

  // MARK: Circuit breakers

  /// The service that counts it under its limits, retained; nil for none.
  var breaker: Unmanaged<ServiceState>?
  /// The limits under which it is counted.
  var holds = LimitSet.none

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

  /// Its length in tokens of four bytes, which do not change with what engines tell.
  var plainTokens: Int { (promptBytes + 3) / 4 }

  /// How many of the prompt's tokens so many of its blocks have.
  func tokens(ofBlocks blocks: Int) -> Int {
    guard promptBytes > 0 else { return blocks * PrefixIndex.tokensOfBlock }
    return Int(Double(tokens) * Double(blocks * RequestScan.blockBytes) / Double(promptBytes))
  }

  /// The name, for people.
  var name: String {
    unsafe withUnsafeBytes(of: nameText) { text in
      unsafe String(decoding: UnsafeRawBufferPointer(rebasing: text[..<nameCount]), as: UTF8.self)
    }
  }

  /// Keeps what the model is called.
  mutating func keepName(_ text: UnsafeRawBufferPointer, hash: UInt64) {
    nameHash = hash
    nameCount = min(text.count, nameText.count)
    for place in 0..<nameCount { unsafe nameText[place] = text[place] }
  }
}
