import ModelAPI
import TestSupport
import ZeroMQ

extension FuzzTarget {
  static let models = [
    FuzzTarget("cache-events") { bytes in
      _ = CacheEvent.read(bytes[...])
      let whole = subscribe([bytes])
      require(whole == subscribe(cut(bytes)), "messages in pieces are not what they are as a whole")
      require(
        whole.messages.allSatisfy { $0.count <= Subscription.maximumParts }, "a message with too many parts")
    },
    FuzzTarget("engine-metrics") { bytes in
      let told = EngineMetrics(bytes)
      for figure in [told.running, told.waiting, told.cacheTokens, told.cachedTokens] {
        require((0...EngineMetrics.largestFigure).contains(figure ?? 0), "a figure out of bounds")
      }
      require((0...1).contains(told.cacheUse ?? 0), "a share out of bounds")
    },
    FuzzTarget("model-request") { bytes in
      let whole = request(bytes, pieces: [bytes.count])
      require(
        request(bytes, pieces: pieces(bytes)) == whole, "a request in pieces is not what it is as a whole")
      edit(bytes)
    },
    FuzzTarget("model-call") { bytes in
      let whole = request(bytes, pieces: [bytes.count], isCall: true)
      require(
        request(bytes, pieces: pieces(bytes), isCall: true) == whole,
        "a call in pieces is not what it is as a whole")
    },
    FuzzTarget("model-form") { bytes in
      let whole = form(bytes, pieces: [bytes.count])
      require(form(bytes, pieces: pieces(bytes)) == whole, "a form in pieces is not what it is as a whole")
    },
    FuzzTarget("model-response") { bytes in
      for format in [ResponseScan.Format.events, .lines, .document] {
        let whole = response(bytes, format, pieces: [bytes.count])
        let cut = response(bytes, format, pieces: pieces(bytes))
        require(cut == whole, "a response in pieces is not what it is as a whole: \(cut) and \(whole)")
      }
    },
  ]

  private struct Heard: Equatable {
    var messages: [[[UInt8]]] = []
    var failure: Subscription.Failure?
  }

  private static func cut(_ bytes: [UInt8]) -> [[UInt8]] {
    var start = 0
    return pieces(bytes).map { length in
      defer { start += length }
      return Array(bytes[start..<start + length])
    }
  }

  private static func subscribe(_ pieces: [[UInt8]]) -> Heard {
    var (subscription, heard) = (Subscription(topic: ""), Heard())
    for piece in pieces where heard.failure == nil {
      do throws(Subscription.Failure) {
        try subscription.receive(piece) { heard.messages.append($0) }
      } catch { heard.failure = error }
    }
    return heard
  }

  private static func pieces(_ bytes: [UInt8]) -> [Int] {
    var random = chance(bytes)
    var (left, pieces) = (bytes.count, [Int]())
    while left > 0 {
      pieces.append(Int.random(in: 1...min(left, 60), using: &random))
      left -= pieces.last ?? left
    }
    return pieces
  }

  private static func feed(_ bytes: [UInt8], _ pieces: [Int], _ body: (UnsafeRawBufferPointer) -> Void) {
    var start = 0
    for length in pieces {
      guarded(Array(bytes[start..<start + length])) {
        body(UnsafeRawBufferPointer(start: $0, count: length))
      }
      start += length
    }
  }

  /// What a scan says of a request, and the hashes of its prompt, of which there are never more than there is room.
  private static func request(_ bytes: [UInt8], pieces: [Int], isCall: Bool = false) -> String {
    let capacity = 8
    var said = ""
    let hashes = [UInt64](unsafeUninitializedCapacity: capacity) { room, count in
      var scan =
        isCall
        ? RequestScan(callSeed: 1, blocks: room.baseAddress, capacity: capacity)
        : RequestScan(seed: 1, blocks: room.baseAddress, capacity: capacity)
      feed(bytes, pieces) { scan.feed($0) }
      scan.end()
      require(scan.blockCount <= min(capacity, scan.promptBytes / RequestScan.blockBytes), "too many blocks")
      require(scan.promptBytes <= bytes.count, "a prompt longer than its request")
      said = shown(scan, bytes.count)
      count = scan.blockCount
    }
    return said + "\(hashes)"
  }

  private static func form(_ bytes: [UInt8], pieces: [Int]) -> String {
    guard var scan = Array("x".utf8).withUnsafeBytes({ RequestScan(boundary: $0) }) else { return "" }
    feed(bytes, pieces) { scan.feed($0) }
    scan.end()
    return shown(scan, bytes.count)
  }

  private static func shown(_ scan: RequestScan, _ count: Int) -> String {
    if let place = scan.modelPlace { require(place.upperBound <= count, "the model ends beyond its request") }
    if let fault = scan.fault {
      require(fault.offset <= count && !scan.isWhole, "a fault beyond its request")
    }
    let name = scan.withModelName { Array($0) }
    return "\(scan.model) \(name) \(scan.modelPlace as Any) \(scan.stream as Any) \(scan.tokenLimit as Any) "
      + "\(scan.choices as Any) \(scan.sessionHash as Any) \(scan.promptBytes) \(scan.fault as Any) \(scan.isWhole) "
      + "\(scan.includesUsage) \(scan.usageEdit as Any)"
  }

  /// A request that is edited asks for usage, and is otherwise what it was.
  private static func edit(_ bytes: [UInt8]) {
    var scan = RequestScan(seed: 1, blocks: nil, capacity: 0)
    feed(bytes, [bytes.count]) { scan.feed($0) }
    scan.end()
    guard let edit = scan.usageEdit else { return }
    require(edit.place.upperBound <= bytes.count, "an edit beyond its request")
    var edited = bytes
    edited.replaceSubrange(edit.place, with: edit.text.description.utf8)
    var again = RequestScan(seed: 1, blocks: nil, capacity: 0)
    feed(edited, [edited.count]) { again.feed($0) }
    again.end()
    require(
      again.isWhole && again.includesUsage && again.usageEdit == nil, "an edit that does not ask for usage")
    require(again.model == scan.model && again.promptBytes == scan.promptBytes, "an edit that changes more")
  }

  private static func response(_ bytes: [UInt8], _ format: ResponseScan.Format, pieces: [Int]) -> String {
    var scan = ResponseScan(format)
    feed(bytes, pieces) { scan.feed($0) }
    let isBetween = scan.isBetweenEvents
    scan.end()
    require(scan.contentEvents <= bytes.count, "more events than bytes")
    return
      "\(scan.contentEvents) \(scan.hasContent) \(scan.promptTokens as Any) \(scan.completionTokens as Any) "
      + "\(scan.cachedTokens as Any) \(scan.hasEnded) \(scan.hasError) \(isBetween)"
  }
}
