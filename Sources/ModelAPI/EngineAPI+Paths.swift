extension EngineAPI {
  /// The interface that a path is of, and where in it a model is named, in bytes; nil for any other path.
  ///
  /// `path` is what stands before a `?`, as the client has sent it: nothing is decoded, letters are not folded, and a slash at
  /// the end makes it another path. Any prefix may stand before a known path, as in `/openai/v1/chat/completions`; `/` alone
  /// is TGI's. `/chat/completions` and `/embeddings` are known without `/v1` too, as llama.cpp and Azure have them.
  public static func find(
    path: UnsafePointer<UInt8>, count: Int
  ) -> (api: EngineAPI, modelPlace: Range<Int>?)? {
    guard count > 0, unsafe path[0] == UInt8(ascii: "/") else { return nil }
    if count == 1 { return (.generate, nil) }
    let walk = unsafe PathWalk(path: path, count: count)
    return plain(walk).map { ($0, nil) } ?? ofModel(walk)
  }

  /// The paths that name no model, by their last parts.
  private static func plain(_ whole: PathWalk) -> EngineAPI? {
    var walk = whole
    let last = walk.next()
    let before = walk.next()
    func isLast(_ name: StaticString) -> Bool { whole.matches(last, name) }
    func isBefore(_ name: StaticString) -> Bool { whole.matches(before, name) }
    if isBefore("v1") {
      if isLast("completions") { return .completions }
      if isLast("responses") { return .responses }
      if isLast("messages") { return .messages }
    }
    if isBefore("api") {
      if isLast("chat") { return .ollamaChat }
      if isLast("generate") { return .ollamaGenerate }
      if isLast("embed") { return .ollamaEmbed }
      if isLast("embeddings") { return .ollamaEmbeddings }
    }
    if isBefore("chat"), isLast("completions") { return .chatCompletions }
    if isBefore("inference.GRPCInferenceService") {
      if isLast("ModelInfer") { return .kserveCall }
      if isLast("ModelStreamInfer") { return .kserveStreamCall }
    }
    if isBefore("audio"), whole.matches(walk.next(), "v1") {
      if isLast("transcriptions") { return .transcriptions }
      if isLast("translations") { return .translations }
      if isLast("speech") { return .speech }
    }
    if isLast("embeddings") { return .embeddings }
    if isLast("completion") || isLast("completions") { return .llamaCompletion }
    // Below a model these two are KServe's.
    guard ofModel(whole) == nil else { return nil }
    if isLast("generate_stream") { return .generateStream }
    return isLast("generate") ? .generate : nil
  }

  /// The paths that name a model.
  private static func ofModel(_ whole: PathWalk) -> (api: EngineAPI, modelPlace: Range<Int>?)? {
    var walk = whole
    var last = walk.next()
    let colon = whole.lastColon(in: last)
    let api: EngineAPI
    if whole.matches(last, "infer") {
      api = .kserveInfer
    } else if whole.matches(last, "generate") {
      api = .kserveGenerate
    } else if whole.matches(last, "generate_stream") {
      api = .kserveGenerateStream
    } else if let colon {
      let verb = colon + 1..<last.upperBound
      if whole.begins(verb, "generate") {
        api = .tensorFlowGenerate
      } else if whole.matches(verb, "predict") || whole.matches(verb, "classify")
        || whole.matches(verb, "regress")
      {
        api = .tensorFlowPredict
      } else {
        return nil
      }
      last = last.lowerBound..<colon
    } else {
      return nil
    }
    var model = colon == nil ? walk.next() : last
    var before = walk.next()
    if whole.matches(before, "versions") || colon != nil && whole.matches(before, "labels") {
      model = walk.next()
      before = walk.next()
    }
    guard !model.isEmpty, whole.matches(before, "models"),
      whole.matches(walk.next(), colon == nil ? "v2" : "v1")
    else { return nil }
    return (api, model)
  }
}

/// The parts of a path between its slashes, from the last one to the first.
@safe private struct PathWalk {
  private let path: UnsafePointer<UInt8>
  private var end: Int

  init(path: UnsafePointer<UInt8>, count: Int) {
    unsafe self.path = path
    end = count
  }

  /// The part before the last slash that was passed; empty where there is none.
  mutating func next() -> Range<Int> {
    var start = end
    while start > 0, unsafe path[start - 1] != UInt8(ascii: "/") { start -= 1 }
    let part = start..<end
    end = max(start - 1, 0)
    return part
  }

  func matches(_ part: Range<Int>, _ name: StaticString) -> Bool {
    part.count == name.utf8CodeUnitCount && begins(part, name)
  }

  func begins(_ part: Range<Int>, _ name: StaticString) -> Bool {
    guard part.count >= name.utf8CodeUnitCount else { return false }
    for index in 0..<name.utf8CodeUnitCount
    where unsafe path[part.lowerBound + index] != name.utf8Start[index] { return false }
    return true
  }

  func lastColon(in part: Range<Int>) -> Int? {
    part.last { unsafe path[$0] == UInt8(ascii: ":") }
  }
}
