internal import ModelAPI
internal import Upstream

/// A request that nobody has sent: where would it go now?
public struct RouteQuestion: Sendable {
  /// The method.
  public var method: String
  /// The Host that it would have.
  public var host: String
  /// Its target: a path, and perhaps a query.
  public var target: String
  /// Its other fields.
  public var fields: [(name: String, value: String)] = []
  /// Its content; empty for none.
  public var content: [UInt8] = []
  /// The client's address, for policies that go by it.
  public var client = "127.0.0.1"

  /// The port that the client connects to: the Host's, else that of HTTPS.
  var port: UInt16 {
    guard let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") else { return 443 }
    return UInt16(host[host.index(after: colon)...]) ?? 443
  }

  /// The longest head of such a request, in bytes.
  public static let maximumHeadBytes = 16 * 1024

  /// A request without content.
  public init(method: String = "GET", host: String, target: String) {
    self.method = method
    self.host = host
    self.target = target
  }

  /// A request to a model server, with content in the shape of the interface that its path is of.
  public init(host: String, target: String, model: String, prompt: String) {
    self.init(method: "POST", host: host, target: target)
    content = EngineAPI.content(path: target, model: model, prompt: prompt)
  }

  /// As it would come; nil for what cannot be sent as a request.
  var head: [UInt8]? {
    let framing =
      content.isEmpty ? "" : "Content-Type: application/json\r\nContent-Length: \(content.count)\r\n"
    let more = fields.map { "\($0.name): \($0.value)\r\n" }.joined()
    let all = [method, host, target] + fields.flatMap { [$0.name, $0.value] }
    guard !all.contains(where: { $0.utf8.contains { $0 < 0x20 && $0 != 0x09 } }) else { return nil }
    let head = Array("\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n\(framing)\(more)\r\n".utf8)
    return head.count <= Self.maximumHeadBytes ? head : nil
  }
}

/// The same as a worker takes it: its content has been read by whoever asks.
struct RouteReading: Sendable {
  let question: RouteQuestion
  let head: [UInt8]
  /// The model that the content names; nil where it names none that can be told.
  private(set) var model: String?
  /// Why the content cannot be read.
  private(set) var fault: RequestFault?
  private(set) var isNameTooLong = false
  /// The prompt in tokens, as far as one can tell.
  private(set) var tokens = 0
  private(set) var promptBytes = 0
  private(set) var session: UInt64 = 0
  /// Hashes of the prompt's blocks, its model left out.
  private(set) var blocks: [UInt64] = []

  /// Reads the content as a worker does: the same scan, the same seed. Nil for what is no request.
  init?(_ question: RouteQuestion) {
    guard let head = question.head else { return nil }
    self.question = question
    self.head = head
    guard !question.content.isEmpty else { return }
    var (name, bytes, session, fault) = (String?.none, 0, UInt64(0), RequestFault?.none)
    var isNameTooLong = false
    let content = question.content
    blocks = unsafe Array(unsafeUninitializedCapacity: PromptBlocks.capacity) { room, count in
      unsafe content.withUnsafeBytes { text in
        var scan = unsafe RequestScan(seed: 0, blocks: room.baseAddress, capacity: PromptBlocks.capacity)
        unsafe scan.feed(text)
        scan.end()
        if scan.modelPlace != nil {
          name = unsafe scan.withModelName { unsafe String(decoding: $0, as: UTF8.self) }
        }
        (bytes, session, fault) = (scan.promptBytes, scan.sessionHash ?? 0, scan.fault)
        isNameTooLong = scan.model == .tooLong
        count = scan.blockCount
      }
    }
    (model, promptBytes, self.session, self.fault) = (name, bytes, session, fault)
    tokens = (bytes + 3) / 4
    self.isNameTooLong = isNameTooLong
  }
}
