internal import EventLoop
internal import Exchange
internal import HTTP
internal import ModelAPI
internal import Telemetry
internal import Upstream

// What model servers answer, read as it passes: when it begins, how fast it comes, and how many tokens it has.
struct Answers: Stage {
  @inline(__always)
  func choose(_ worker: Worker, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>) {
    if let model = exchange.model, model.api != nil { unsafe worker.openAnswer(model, exchange, base) }
  }

  @inline(__always)
  func complete(_ worker: Worker, _ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>) {
    if let model = exchange.model, model.isScanned { worker.closeAnswer(model) }
  }

  @inline(__always)
  func end(_ worker: Worker, _ exchange: Ref<Exchange>) {
    if let model = exchange.model { worker.measure(model, exchange) }
  }
}

extension Worker {
  /// Whether a response that is to be passed on is one that can be read.
  @inline(never)
  fileprivate func openAnswer(
    _ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>, _ base: UnsafePointer<UInt8>
  ) {
    guard desk.response.status == 200, let format = unsafe answerFormat(base) else { return }
    model.answer = ResponseScan(format)
    model.isScanned = true
    guard model.addsUsage, format == .events, exchange.coding.gzip == nil else { return }
    switch desk.response.framing {
    case .chunked, .untilClose: model.filtersUsage = true
    case .length: break
    case .none: model.filtersUsage = unsafe exchange.service?.pointee.isHTTP2 == true
    }
  }

  /// How the response on the desk is laid out; nil where that cannot be read.
  private func answerFormat(_ base: UnsafePointer<UInt8>) -> ResponseScan.Format? {
    var format: ResponseScan.Format?
    for i in 0..<desk.fields.count where unsafe desk.fields.lines[i].name == .other {
      let line = unsafe desk.fields.lines[i]
      if unsafe line.isNamed("content-encoding", base) { return nil }
      guard unsafe line.isNamed("content-type", base) else { continue }
      let value = unsafe UnsafeRawBufferPointer(
        start: base + Int(line.valueStart), count: Int(line.valueLength))
      if unsafe Self.isType(value, "text/event-stream") {
        format = .events
      } else if unsafe Self.isType(value, "application/x-ndjson") {
        format = .lines
      } else {
        format = unsafe Self.isType(value, "application/json") ? .document : nil
      }
    }
    return format
  }

  private static func isType(_ value: UnsafeRawBufferPointer, _ type: StaticString) -> Bool {
    let count = type.utf8CodeUnitCount
    guard value.count >= count, let base = value.baseAddress else { return false }
    guard unsafe ASCII.same(base.assumingMemoryBound(to: UInt8.self), count, type) else { return false }
    return unsafe value.count == count || value[count] == 0x3B || value[count] == 0x20
  }

  /// Follows some of a response that is read: like `ResponseContent.follow`.
  @inline(never)
  func followAnswer(
    _ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>, _ buffer: UnsafeMutablePointer<UInt8>,
    _ content: inout ContentRange
  ) -> Bool? {
    let found = unsafe exchange.responseContent.follow(buffer, &content, scan: &model.answer) { byte in
      unsafe withUnsafePointer(to: byte) { unsafe exchange.trailers.append($0, 1) }
    }
    noteTokens(model, exchange)
    model.promptTokens = model.answer.promptTokens
    model.cachedTokens = model.answer.cachedTokens
    return found
  }

  /// Something of an answer has been read.
  private func noteTokens(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>) {
    let events = model.answer.contentEvents
    if let told = model.answer.completionTokens {
      model.completionTokens = max(told, 0)
    } else if model.answer.format != .document {
      model.completionTokens = events
    }
    guard model.answer.format != .document, events > model.events else { return }
    let fresh = events - model.events
    model.events = events
    defer { model.contentNanoseconds = nowNanoseconds }
    guard model.firstNanoseconds > 0 else {
      model.firstNanoseconds = nowNanoseconds
      unsafe model.series = unsafe series(model, exchange)?.retain()
      unsafe model.series?._withUnsafeGuaranteedRef { $0.interToken.record(0, times: UInt64(fresh - 1)) }
      return
    }
    // What came in one read came in one gap.
    let gap = (nowNanoseconds &- model.contentNanoseconds) / 1000
    unsafe model.series?._withUnsafeGuaranteedRef { series in
      series.interToken.record(gap / UInt64(fresh), times: UInt64(fresh))
    }
  }

  /// From a request's head to its first content, in microseconds; 0 where none has come in a stream.
  func firstTokenMicroseconds(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>) -> UInt64 {
    guard model.firstNanoseconds > 0 else { return 0 }
    return max(1, (model.firstNanoseconds &- min(exchange.startedNanoseconds, model.firstNanoseconds)) / 1000)
  }

  @inline(never)
  fileprivate func closeAnswer(_ model: Ref<ModelRequest>) {
    model.answer.end()
    model.isWhole = true
    if let told = model.answer.completionTokens { model.completionTokens = max(told, 0) }
    model.promptTokens = model.answer.promptTokens
    model.cachedTokens = model.answer.cachedTokens
  }

  /// The request is over: what it has taken and used goes into the series of its model.
  @inline(never)
  fileprivate func measure(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>) {
    model.heldEvent.free()
    guard model.isScanned else { return }
    guard let series = unsafe model.series ?? series(model, exchange)?.retain() else { return }
    unsafe model.series = nil
    defer { unsafe series.release() }
    unsafe series._withUnsafeGuaranteedRef { series in
      if model.isWhole {
        series.duration.record((nowNanoseconds &- exchange.startedNanoseconds) / 1000)
      }
      if model.firstNanoseconds > 0 {
        series.timeToFirstToken.record(firstTokenMicroseconds(model, exchange))
        let (tokens, took) = (
          model.completionTokens - 1, model.contentNanoseconds &- model.firstNanoseconds
        )
        if tokens > 0 { series.timePerOutputToken.record(took / 1000 / UInt64(tokens)) }
      }
      if let told = model.promptTokens {
        let prompt = min(max(0, told), 1 << 40)
        series.inputTokens.record(UInt64(clamping: prompt))
        let predicted = min(model.element.tokens(ofBlocks: model.known), prompt)
        let missed = model.isRead && model.tokens > 0 ? abs(min(model.tokens, 1 << 40) - prompt) : 0
        series.add(predicted: predicted, cached: model.cachedTokens ?? 0, missed: missed)
        if model.isRead { noteLength(model, exchange, prompt) }
      }
      if model.completionTokens > 0 { series.outputTokens.record(UInt64(model.completionTokens)) }
    }
  }

  /// The engine has told how long a prompt is.
  private func noteLength(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>, _ told: Int) {
    // Of a first part nobody knows how much of the rest was prompt.
    if !exchange.goesOn { tokenRatios.learn(bytes: model.promptBytes, tokens: told, of: model.nameHash) }
    unsafe exchange.counted?._withUnsafeGuaranteedRef { status in
      if status.engine.cache.isFollowed { status.engine.cache.told(estimated: model.plainTokens, told: told) }
    }
  }

  /// The series of a request's model at the backend that answers it.
  private func series(_ model: Ref<ModelRequest>, _ exchange: Ref<Exchange>) -> Unmanaged<GenAISeries>? {
    guard let service = unsafe exchange.service, let status = unsafe exchange.counted, let api = model.api
    else { return nil }
    let operation = api.operation
    var key = unsafe status._withUnsafeGuaranteedRef { $0.nameHash } &* 0x9E37_79B9_7F4A_7C15
    key ^= model.nameHash &* 0xBF58_476D_1CE4_E5B9
    key = (key ^ key >> 29) &+ UInt64(operation.utf8CodeUnitCount)
    return unsafe genAI.find(key) {
      let backend = unsafe status._withUnsafeGuaranteedRef { $0.name }
      let name = unsafe serviceName(exchange, service.pointee.index)
      return GenAISeries.Labels(
        service: name, backend: backend, model: model.name, operation: "\(operation)")
    }
  }
}

extension EngineAPI {
  /// `gen_ai.operation.name`.
  fileprivate var operation: StaticString {
    switch self {
    case .chatCompletions, .responses, .messages, .ollamaChat: "chat"
    case .embeddings, .ollamaEmbed, .ollamaEmbeddings: "embeddings"
    case .completions, .ollamaGenerate, .generate, .generateStream, .llamaCompletion, .kserveGenerate,
      .kserveGenerateStream, .kserveCall, .kserveStreamCall, .tensorFlowGenerate:
      "text_completion"
    case .transcriptions, .translations, .speech, .kserveInfer, .tensorFlowPredict: "generate_content"
    }
  }
}
