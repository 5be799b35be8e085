extension RequestScan {
  /// A scan of a call of `inference.GRPCInferenceService/ModelInfer` or `ModelStreamInfer` (KServe's Open Inference Protocol):
  /// of its first message. What is read are the model's name, limits of tokens, and texts in tensors that are called as
  /// prompts are. `blocks` as above.
  public init(callSeed seed: UInt64, blocks: UnsafeMutablePointer<UInt64>?, capacity: Int) {
    unsafe self.init(seed: seed, blocks: blocks, capacity: capacity)
    call.step = .flag
  }

  /// Where the length of the model's name stands in the content of a call, right before the name; nil of other content.
  public var modelLengthPlace: Range<Int>? {
    model == .named && modelLengthStart >= 0 ? modelLengthStart..<modelStart : nil
  }

  /// Whether the first message of a call has come to its end; of other content, whether all has.
  public var isMessageWhole: Bool { call.step == .off ? isWhole : call.step == .over && phase != .failed }

  mutating func readCall(_ piece: UnsafeRawBufferPointer) {
    var at = 0
    while at < piece.count, phase != .failed {
      if call.step == .over {
        call.offset += piece.count - at
        return
      }
      if call.step == .bytes {
        let n = min(call.left, piece.count - at)
        unsafe takeBytes(UnsafeRawBufferPointer(rebasing: piece[at..<at + n]))
        call.left -= n
        call.offset += n
        at += n
        if call.left == 0 { endBytes() }
      } else {
        call.offset += 1
        takeByte(unsafe piece[at])
        at += 1
      }
    }
  }

  mutating func endCall() {
    // Behind the one message there is nothing, unless it is a stream of them.
    guard call.step == .over, call.offset == call.end || callStreams else {
      return fail(.call, at: call.offset)
    }
    isWhole = true
  }

  private mutating func takeByte(_ byte: UInt8) {
    switch call.step {
    case .flag:
      guard byte == 0 else { return failCall() }
      call.beginNumber(.size)
    case .size:
      call.value = call.value << 8 | UInt64(byte)
      call.count += 1
      guard call.count == 4 else { return }
      call.end = call.offset + Int(call.value)
      _ = call.enter(.request, bytes: Int(call.value))
      settle()
    case .tag:
      guard let isWhole = call.add(byte) else { return failCall() }
      if isWhole { takeTag() }
    case .length:
      guard let isWhole = call.add(byte) else { return failCall() }
      if isWhole { takeLength() }
    case .number:
      guard let isWhole = call.add(byte) else { return failCall() }
      guard isWhole else { return }
      takeNumber()
      settle()
    case .bytes, .over, .off: break
    }
  }

  private mutating func failCall() { fail(.call, at: max(0, call.offset - 1)) }

  /// Goes on behind a field: messages that end here are left.
  private mutating func settle() {
    while call.depth > 0, call.offset >= call.innerEnd {
      guard call.offset == call.innerEnd else { return failCall() }
      if call.kind == .input { endInput() }
      call.leave()
    }
    if call.depth == 0 {
      call.step = .over
      if model == .none, modelStart >= 0 { model = modelText.verdict }
      return
    }
    call.beginNumber(.tag)
  }

  private mutating func takeTag() {
    call.field = call.value >> 3
    guard call.field > 0 else { return failCall() }
    switch call.value & 7 {
    case 0: call.beginNumber(.number)
    case 1: begin(.none, bytes: 8)
    case 2:
      if call.kind == .request, call.field == 1 { modelLengthStart = call.offset }
      call.beginNumber(.length)
    case 5: begin(.none, bytes: 4)
    default: failCall()
    }
  }

  /// A field of so many bytes begins.
  private mutating func takeLength() {
    guard call.value <= UInt64(max(0, call.innerEnd - call.offset)) else { return failCall() }
    let bytes = Int(call.value)
    switch (call.kind, call.field) {
    case (.request, 1):
      // The last one counts, for those who read it next: which they take must not be a matter of taste.
      if modelStart >= 0 {
        model = .doubled
        return begin(.none, bytes: bytes)
      }
      modelStart = call.offset
      modelEnd = call.offset + bytes
      begin(.model, bytes: bytes)
    case (.request, 4): enter(.parameter, bytes)
    case (.request, 5):
      call.name.clear()
      call.type.clear()
      enter(.input, bytes)
    case (.request, 7): beginRaw(bytes)
    case (.input, 1):
      call.name.clear()
      begin(.tensorName, bytes: bytes)
    case (.input, 2):
      call.type.clear()
      begin(.tensorType, bytes: bytes)
    case (.input, 5): enter(.contents, bytes)
    case (.contents, 8):
      if call.isPromptName { beginText() }
      begin(call.isPromptName ? .prompt : .none, bytes: bytes)
    case (.contents, 2), (.contents, 3):
      call.value = 0
      call.count = 0
      begin(CallReader.isLimit(call.name) ? .packed : .none, bytes: bytes)
    case (.parameter, 1):
      call.key.clear()
      begin(.key, bytes: bytes)
    case (.parameter, 2): enter(.value, bytes)
    case (.value, 3):
      call.digits = WholeNumber()
      begin(CallReader.isLimit(call.key) ? .text : .none, bytes: bytes)
    default: begin(.none, bytes: bytes)
    }
  }

  private mutating func enter(_ kind: CallReader.Kind, _ bytes: Int) {
    guard call.enter(kind, bytes: bytes) else { return failCall() }
    settle()
  }

  private mutating func begin(_ sink: CallReader.Sink, bytes: Int) {
    guard bytes <= call.innerEnd - call.offset else { return failCall() }
    call.sink = sink
    call.left = bytes
    call.step = .bytes
    if bytes == 0 { endBytes() }
  }

  private mutating func beginRaw(_ bytes: Int) {
    let bit: UInt64 = call.raws < 64 ? 1 << UInt64(call.raws) : 0
    call.raws += 1
    call.textLeft = 0
    call.textSize = 0
    call.textSizeBytes = 0
    call.value = 0
    call.count = 0
    begin(
      call.prompts & bit != 0 ? .rawPrompt : call.limits & bit != 0 ? .rawNumber : .none, bytes: bytes)
  }

  private mutating func endInput() {
    if call.inputs < 64 {
      let bit: UInt64 = 1 << UInt64(call.inputs)
      if call.isPromptName, call.type.matches("BYTES") { call.prompts |= bit }
      if CallReader.isLimit(call.name) { call.limits |= bit }
    }
    call.inputs += 1
  }

  private mutating func takeNumber() {
    let isLimit =
      call.kind == .contents && (call.field == 2 || call.field == 3) && CallReader.isLimit(call.name)
      || call.kind == .value && (call.field == 2 || call.field == 5) && CallReader.isLimit(call.key)
    if isLimit { noteLimit(call.value) }
  }

  private mutating func noteLimit(_ value: UInt64) {
    guard value <= UInt64(WholeNumber.maximum) else { return }
    limit = max(limit, Int(value))
  }

  private mutating func takeBytes(_ run: UnsafeRawBufferPointer) {
    switch call.sink {
    case .none: break
    case .model: unsafe modelText.put(run)
    case .tensorName: unsafe call.name.put(run)
    case .tensorType: unsafe call.type.put(run)
    case .key: unsafe call.key.put(run)
    case .text: unsafe call.digits.put(run)
    case .prompt: unsafe hasher.add(run)
    case .rawPrompt: unsafe takeRawTexts(run)
    case .rawNumber:
      for index in 0..<run.count where call.count < 8 {
        call.value |= UInt64(unsafe run[index]) << UInt64(8 * call.count)
        call.count += 1
      }
    case .packed:
      for index in 0..<run.count {
        guard let isWhole = call.add(unsafe run[index]) else { return failCall() }
        guard isWhole else { continue }
        noteLimit(call.value)
        call.value = 0
        call.count = 0
      }
    }
  }

  /// Texts, each behind its length in four bytes, the lowest first.
  private mutating func takeRawTexts(_ run: UnsafeRawBufferPointer) {
    var at = 0
    while at < run.count {
      if call.textLeft > 0 {
        let n = min(call.textLeft, run.count - at)
        unsafe hasher.add(UnsafeRawBufferPointer(rebasing: run[at..<at + n]))
        call.textLeft -= n
        at += n
        continue
      }
      call.textSize |= UInt64(unsafe run[at]) << UInt64(8 * call.textSizeBytes)
      call.textSizeBytes += 1
      at += 1
      guard call.textSizeBytes == 4 else { continue }
      beginText()
      call.textLeft = Int(call.textSize)
      call.textSize = 0
      call.textSizeBytes = 0
    }
  }

  private mutating func beginText() {
    texts += 1
    if texts > 1 { hasher.restart() }
  }

  /// A field of bytes has ended.
  private mutating func endBytes() {
    switch call.sink {
    case .rawNumber: if call.count > 0 { noteLimit(call.value) }
    case .text: if let value = call.digits.value { noteLimit(UInt64(value)) }
    default: break
    }
    call.sink = .none
    settle()
  }
}
