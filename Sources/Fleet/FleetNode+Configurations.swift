public import Bytes
internal import Etcd
internal import JSON
internal import PKI

/// Whose turn it is to take which of the configurations that were pushed.
public struct ConfigurationTurn: Sendable, Equatable {
  /// What is to be done with it.
  public enum Stage: String, Sendable {
    /// Every node looks whether it could serve by it, and says so.
    case check
    /// One node takes it.
    case canary
    /// All take it.
    case all
    /// Whoever has taken it goes back to what was before.
    case back
  }

  /// The configuration's number.
  public var number: Int
  /// How far it has come.
  public var stage: Stage
  /// The node that takes it first.
  public var canary: String?

  init(number: Int, stage: Stage, canary: String? = nil) {
    (self.number, self.stage, self.canary) = (number, stage, canary)
  }

  var record: [UInt8] {
    let value: JSONValue = [
      "number": JSONValue(number), "stage": .string(stage.rawValue),
      "canary": canary.map { .string($0) } ?? .null,
    ]
    return Array(value.text.utf8)
  }

  init?(record: [UInt8]) {
    guard let value = try? JSONValue(parsing: record), let number = value["number"]?.int, number > 0,
      let stage = value["stage"]?.string.flatMap({ Stage(rawValue: $0) })
    else { return nil }
    self.init(number: Int(clamping: number), stage: stage, canary: value["canary"]?.string)
  }
}

/// A configuration that was pushed.
public struct PushedConfiguration: Sendable, Equatable {
  /// Its number.
  public var number: Int
  /// The file's text.
  public var text: [UInt8]
  /// When it was pushed, by the clock there.
  public var at: UnixTime

  func record(at key: String, _ seal: SealKeys) throws(PKIError) -> [UInt8] {
    let value: JSONValue = [
      "text": .string(Base64.encode(text)), "at": .string("\(at.seconds)"), "number": JSONValue(number),
    ]
    return try seal.seal(Array(value.text.utf8), at: key)
  }

  init(number: Int, text: [UInt8], at: UnixTime) { (self.number, self.text, self.at) = (number, text, at) }

  init(record: [UInt8], at key: String, _ seal: SealKeys) throws(PKIError) {
    let plain = try seal.open(record, at: key)
    guard let value = try? JSONValue(parsing: plain), let number = value["number"]?.int,
      let text = value["text"]?.string.flatMap({ Base64.decode($0) }), let at = value["at"]?.int
    else { throw PKIError(what: key, reason: "it is no configuration") }
    self.init(number: Int(clamping: number), text: text, at: UnixTime(seconds: at))
  }
}

// Configurations that were pushed come to every node that follows them.
extension FleetNode {
  func turnChanged(_ change: Change) {
    mirror.turn = change.isGone ? nil : ConfigurationTurn(record: change.keyValue.value)
    if isJoined { tellOfTurn() }
  }

  /// Has the turn of now taken up, where this node follows.
  func tellOfTurn() {
    guard settings.follows, let turn = mirror.turn, let sealed = mirror.configurations[turn.number] else {
      return
    }
    do throws(PKIError) {
      let pushed = try PushedConfiguration(record: sealed.value, at: sealed.key, settings.seal)
      world.tell(.configuration(turn, pushed.text))
    } catch { tellOnce(error.description) }
  }

  /// Says what has become of a configuration here.
  public func say(_ word: ConfigurationWord, of number: Int) {
    proofs[settings.space.word(number, settings.node)] = Array(word.text.utf8)
    flushSoon()
  }
}

/// What a node says of a configuration.
public enum ConfigurationWord: Sendable, Equatable {
  /// It could serve by it.
  case fit
  /// It serves by it.
  case taken
  /// It cannot, and why.
  case refused(String)

  /// The longest reason, in bytes.
  public static let maximumReasonInBytes = 4096

  var text: String {
    switch self {
    case .fit: "fit"
    case .taken: "taken"
    case .refused(let why):
      "refused " + String(decoding: why.utf8.prefix(Self.maximumReasonInBytes), as: UTF8.self)
    }
  }

  init?(_ text: String) {
    switch text {
    case "fit": self = .fit
    case "taken": self = .taken
    default:
      guard text.hasPrefix("refused ") else { return nil }
      self = .refused(String(text.dropFirst(8)))
    }
  }
}
