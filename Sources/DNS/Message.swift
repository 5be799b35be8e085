/// A message (RFC 1035 §4).
struct Message: Equatable {
  var id: UInt16
  /// Query or update; 0 and 5.
  var opcode: UInt8 = 0
  var isResponse = false
  var isAuthoritative = false
  var isTruncated = false
  var wantsRecursion = false
  var code = ResponseCode.noError
  var question: Question?
  var answers: [Record] = []
  var authorities: [Record] = []
  var additionals: [Record] = []
  /// Where the last record of the message begins, for what signs everything before it.
  var lastRecordAt: Int?

  /// What is asked for, in the class Internet.
  struct Question: Hashable {
    let name: DomainName
    let type: RecordType
  }

  /// The class Internet, and the two that updates use (RFC 2136 §2.4, §2.5).
  static let internet: UInt16 = 1
  /// The size of datagrams that we accept, in bytes: no larger one arrives whole everywhere (RFC 9715).
  static let datagramBytes: UInt16 = 1232
  /// Records of a message that are read at most.
  static let maximumRecords = 1000

  /// A query, with EDNS (RFC 6891).
  static func query(_ id: UInt16, _ question: Question, wantsRecursion: Bool) -> [UInt8] {
    var bytes = header(id, flags: wantsRecursion ? 0x0100 : 0, counts: [1, 0, 0, 1])
    bytes += question.name.wire + number(question.type.rawValue) + number(internet)
    bytes +=
      DomainName.root.wire + number(RecordType.opt.rawValue) + number(datagramBytes) + [0, 0, 0, 0, 0, 0]
    return bytes
  }

  static func header(_ id: UInt16, flags: UInt16, counts: [UInt16]) -> [UInt8] {
    number(id) + number(flags) + counts.flatMap(number)
  }

  static func number(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)] }
  static func number(_ value: UInt32) -> [UInt8] {
    number(UInt16(truncatingIfNeeded: value >> 16)) + number(UInt16(truncatingIfNeeded: value))
  }

  /// Reads a message.
  init(_ bytes: [UInt8]) throws(MessageReader.Malformed) {
    var reader = MessageReader(bytes)
    id = try reader.number16()
    let flags = try reader.number16()
    isResponse = flags & 0x8000 != 0
    opcode = UInt8(flags >> 11 & 0x0F)
    isAuthoritative = flags & 0x0400 != 0
    isTruncated = flags & 0x0200 != 0
    wantsRecursion = flags & 0x0100 != 0
    var counts: [Int] = []
    for _ in 0..<4 { counts.append(Int(try reader.number16())) }
    for index in 0..<counts[0] {
      let asked = Question(name: try reader.name(), type: RecordType(rawValue: try reader.number16()))
      _ = try reader.number16()
      if index == 0 { question = asked }
      guard index < Self.maximumRecords else { throw .init(what: "it has too many questions") }
    }
    guard counts[1] + counts[2] + counts[3] <= Self.maximumRecords else {
      throw .init(what: "it has too many records")
    }
    var extended: UInt16 = 0
    for section in 1...3 {
      for _ in 0..<counts[section] {
        lastRecordAt = reader.position
        let (record, extension8) = try Self.record(&reader)
        extended = extension8 ?? extended
        switch section {
        case 1: answers.append(record)
        case 2: authorities.append(record)
        default: additionals.append(record)
        }
      }
    }
    code = ResponseCode(rawValue: extended << 4 | flags & 0x0F)
  }

  /// A record, and the upper bits of the response's code where it carries them (RFC 6891 §6.1.3).
  private static func record(
    _ reader: inout MessageReader
  ) throws(MessageReader.Malformed) -> (Record, UInt16?) {
    let name = try reader.name()
    let type = RecordType(rawValue: try reader.number16())
    _ = try reader.number16()
    let ttl = try reader.number32()
    let length = Int(try reader.number16())
    let begin = reader.position
    let raw = try reader.bytes(length)
    let data = try data(type, raw, MessageReader(reader.bytes, at: begin))
    return (Record(name: name, type: type, ttl: ttl, data: data), type == .opt ? UInt16(ttl >> 24) : nil)
  }

  /// What a record says. `reader` stands at its beginning: names in it may point anywhere before.
  private static func data(
    _ type: RecordType, _ raw: [UInt8], _ reader: MessageReader
  ) throws(MessageReader.Malformed) -> RecordData {
    var reader = reader
    switch type {
    case .a where raw.count == 4, .aaaa where raw.count == 16: return .address(raw)
    case .ns, .cname: return .name(try reader.name())
    case .srv:
      let (priority, weight, port) = (try reader.number16(), try reader.number16(), try reader.number16())
      return .service(priority: priority, weight: weight, port: port, target: try reader.name())
    case .soa: return .authority(primary: try reader.name())
    case .txt:
      var (text, strings): ([UInt8], MessageReader) = ([], MessageReader(raw))
      while strings.position < raw.count { text += try strings.bytes(Int(strings.byte())) }
      return .text(text)
    case .caa:
      var property = MessageReader(raw)
      let flags = try property.byte()
      let tag = try property.bytes(Int(property.byte()))
      let value = try property.bytes(raw.count - property.position)
      return .authorization(
        isCritical: flags & 0x80 != 0, tag: String(decoding: tag, as: UTF8.self).lowercased(),
        value: String(decoding: value, as: UTF8.self))
    default: return .other(raw)
    }
  }
}
