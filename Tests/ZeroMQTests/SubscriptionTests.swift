import TestRun
import TestSupport
import Testing
import ZeroMQ

@Suite("A subscriber of ZeroMQ", .ownThread) struct SubscriptionTests {
  private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

  private static func greeting(_ mechanism: String) -> [UInt8] {
    var bytes: [UInt8] = [0xFF]
    bytes += zeros(8)
    bytes += [0x7F, 3, 1]
    bytes += Array(mechanism.utf8)
    return bytes + zeros(64 - bytes.count)
  }

  private static func command(_ name: String, _ more: [UInt8]) -> [UInt8] {
    var body: [UInt8] = [UInt8(name.utf8.count)]
    body += Array(name.utf8)
    body += more
    return [4, UInt8(body.count)] + body
  }

  private static let greeting = greeting("NULL")

  private static func ready(_ kind: String) -> [UInt8] {
    var more: [UInt8] = [11]
    more += Array("Socket-Type".utf8)
    more += [0, 0, 0, UInt8(kind.utf8.count)]
    more += Array(kind.utf8)
    return command("READY", more)
  }

  private static func frame(_ body: [UInt8], more: Bool) -> [UInt8] {
    let flags: UInt8 = more ? 1 : 0
    if body.count < 256 { return [flags, UInt8(body.count)] + body }
    let size = (0..<8).map { UInt8(truncatingIfNeeded: body.count >> ((7 - $0) * 8)) }
    return [flags | 2] + size + body
  }

  private static let stream: [UInt8] = {
    var bytes = greeting + ready("PUB")
    bytes += frame(Array("topic".utf8), more: true)
    bytes += frame([1, 2], more: true)
    bytes += frame([UInt8](repeating: 7, count: 300), more: false)
    return bytes + frame([9], more: false)
  }()

  @Test(
    "it greets, says that it is ready and subscribes, and gets each message whole however the bytes come",
    arguments: 0..<10 as Range<UInt64>)
  func messages(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var subscription = Subscription(topic: "kv")
    #expect(subscription.output.prefix(10) == [0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F])
    #expect(subscription.output.count == 64)
    subscription.sent()
    var (left, messages) = (Self.stream[...], [[[UInt8]]]())
    while !left.isEmpty {
      let count = seed == 0 ? 1 : Int.random(in: 1...min(left.count, 100), using: &random)
      try subscription.receive(left.prefix(count)) { messages.append($0) }
      left = left.dropFirst(count)
    }
    #expect(subscription.isReady)
    #expect(messages == [[Array("topic".utf8), [1, 2], [UInt8](repeating: 7, count: 300)], [[9]]])
    #expect(subscription.output == Self.ready("SUB") + [0, 3, 1, 0x6B, 0x76])
  }

  private static let wrong: [([UInt8], Subscription.Failure)] = [
    (Array("HTTP/1.1 400 Bad Request\r\n".utf8), .noZeroMQ),
    ([0xFF] + zeros(63), .noZeroMQ),
    (greeting("CURVE"), .mechanism),
    (greeting + ready("REP"), .noPublisher),
    (greeting + frame([1], more: false), .malformed),
    (greeting + [0x80, 0], .malformed),
    (greeting + ready("PUB") + [2, 0xFF] + zeros(7), .tooLarge),
    (greeting + ready("PUB") + (0..<9).flatMap { _ in frame([1], more: true) }, .tooLarge),
    (greeting + command("ERROR", [0]), .malformed),
    (greeting + [4, 1, 5], .malformed),
  ]

  @Test("what is no publisher, no ZeroMQ or too much is a failure", arguments: wrong)
  func failures(_ bytes: [UInt8], _ failure: Subscription.Failure) {
    var subscription = Subscription(topic: "")
    var met: Subscription.Failure?
    do throws(Subscription.Failure) { try subscription.receive(bytes) { _ in } } catch { met = error }
    #expect(met == failure)
  }

  @Test("a question whether it is alive is answered with what it carries")
  func ping() throws {
    var subscription = Subscription(topic: "")
    subscription.sent()
    try subscription.receive(Self.greeting + Self.ready("XPUB")) { _ in }
    subscription.sent()
    try subscription.receive(Self.command("PING", [0, 1, 0x61, 0x62])) { _ in }
    #expect(subscription.output == Self.command("PONG", [0x61, 0x62]))
  }

  @Test(
    "a command without a name, or shorter than its name, is a failure",
    arguments: [[4, 1, 0], [4, 2, 5, 65], [4, 0]])
  func nameless(_ command: [UInt8]) throws {
    var subscription = Subscription(topic: "kv")
    #expect(throws: Subscription.Failure.self) {
      try subscription.receive((Self.greeting + command)[...]) { _ in }
    }
  }
}
