internal import Bytes
internal import PKI

/// A key shared with a server, by which messages are signed (TSIG, RFC 8945).
public struct TransactionKey: Sendable {
  /// A hash that signs (RFC 8945 §6).
  public enum Algorithm: String, Sendable, CaseIterable {
    /// HMAC with SHA-256.
    case hmacSHA256 = "hmac-sha256"
    /// HMAC with SHA-384.
    case hmacSHA384 = "hmac-sha384"
    /// HMAC with SHA-512.
    case hmacSHA512 = "hmac-sha512"

    var hash: Digest.HMACHash {
      switch self {
      case .hmacSHA256: .sha256
      case .hmacSHA384: .sha384
      case .hmacSHA512: .sha512
      }
    }
  }

  /// Its name, as the server knows it.
  public let name: DomainName
  /// How it signs.
  public let algorithm: Algorithm
  let secret: [UInt8]

  /// How far the two clocks may be apart, in seconds.
  static let fudgeSeconds: UInt16 = 300
  /// The longest secret, in bytes.
  static let maximumSecretBytes = 1024

  /// A key by its parts; the secret in base64. Nil when that is none.
  public init?(name: DomainName, algorithm: Algorithm, base64 secret: String) {
    guard let bytes = Base64.decode(secret.filter { !$0.isWhitespace }),
      (1...Self.maximumSecretBytes).contains(bytes.count)
    else { return nil }
    self.name = name
    self.algorithm = algorithm
    self.secret = bytes
  }

  /// Reads what `tsig-keygen` writes, `key "name" { algorithm hmac-sha256; secret "…"; };`, or the secret alone, in
  /// base64, for which name and algorithm must be given. Nil when it is neither, or of another algorithm.
  public init?(file text: String, name: DomainName?, algorithm: Algorithm?) {
    let words = Self.words(text)
    guard words.first == "key" else {
      guard let name, words.count == 1 else { return nil }
      self.init(name: name, algorithm: algorithm ?? .hmacSHA256, base64: words[0])
      return
    }
    func after(_ word: String) -> String? {
      words.firstIndex(of: word).flatMap { words.indices.contains($0 + 1) ? words[$0 + 1] : nil }
    }
    guard let own = after("key").flatMap({ DomainName($0) }), name.map({ $0 == own }) ?? true,
      let method = Algorithm(rawValue: (after("algorithm") ?? "").lowercased()),
      algorithm.map({ $0 == method }) ?? true, let secret = after("secret")
    else { return nil }
    self.init(name: own, algorithm: method, base64: secret)
  }

  private static func words(_ text: String) -> [String] {
    let lines = text.split(whereSeparator: \.isNewline).filter {
      !$0.drop(while: \.isWhitespace).hasPrefix("#")
    }
    return lines.joined(separator: " ").split { $0.isWhitespace || "{};\"".contains($0) }.map(String.init)
  }

  /// The message with its signature, and the signature.
  func sign(_ message: [UInt8], time: UInt64) throws -> (message: [UInt8], mac: [UInt8]) {
    let mac = try Digest.hmac(algorithm.hash, key: secret, message + variables(time, error: 0, other: []))
    guard let algorithmName = DomainName(algorithm.rawValue) else { return (message, mac) }
    var data = algorithmName.wire + Self.time(time) + Message.number(Self.fudgeSeconds)
    data += Message.number(UInt16(mac.count)) + mac + message.prefix(2) + [0, 0, 0, 0]
    var signed = message
    signed += name.wire + Message.number(RecordType.tsig.rawValue) + Message.number(Self.anyClass)
    signed += [0, 0, 0, 0] + Message.number(UInt16(data.count)) + data
    // One more record among the additional ones.
    let count = UInt16(message[10]) << 8 | UInt16(message[11])
    signed.replaceSubrange(10..<12, with: Message.number(count &+ 1))
    return (signed, mac)
  }

  private static let anyClass: UInt16 = 255
  private static func time(_ seconds: UInt64) -> [UInt8] {
    Message.number(UInt16(truncatingIfNeeded: seconds >> 32))
      + Message.number(UInt32(truncatingIfNeeded: seconds))
  }

  /// What is signed besides the message (RFC 8945 §4.3.3).
  private func variables(_ time: UInt64, error: UInt16, other: [UInt8], fudge: UInt16 = fudgeSeconds)
    -> [UInt8]
  {
    name.wire + Message.number(Self.anyClass) + [0, 0, 0, 0] + (DomainName(algorithm.rawValue)?.wire ?? [])
      + Self.time(time) + Message.number(fudge) + Message.number(error)
      + Message.number(UInt16(other.count)) + other
  }

  /// What the signature of an answer says.
  enum Verdict: Equatable {
    /// It is the server's.
    case genuine
    /// The server did not accept ours, for this reason.
    case rejected(ResponseCode)
    /// It is missing or not the server's.
    case forged
  }

  /// Checks the signature of an answer to a message that was signed with `mac` (RFC 8945 §5.3).
  func verify(_ answer: [UInt8], _ message: Message, requestMAC: [UInt8], now: UInt64) -> Verdict {
    guard let record = message.additionals.last, record.type == .tsig, record.name == name,
      case .other(let data) = record.data, let at = message.lastRecordAt, answer.count >= 12
    else { return .forged }
    var reader = MessageReader(data)
    do throws(MessageReader.Malformed) {
      let algorithmName = try reader.name()
      let (high, low) = (try reader.number16(), try reader.number32())
      let fudge = try reader.number16()
      let mac = try reader.bytes(Int(reader.number16()))
      _ = try reader.number16()
      let error = try reader.number16()
      let other = try reader.bytes(Int(reader.number16()))
      // A key or signature that the server does not know it cannot sign with.
      if mac.isEmpty, error == 16 || error == 17 { return .rejected(ResponseCode(rawValue: error)) }
      guard algorithmName == DomainName(algorithm.rawValue) else { return .forged }
      let time = UInt64(high) << 32 | UInt64(low)
      var unsigned = Array(answer[..<at])
      let count = UInt16(unsigned[10]) << 8 | UInt16(unsigned[11])
      unsigned.replaceSubrange(10..<12, with: Message.number(count &- 1))
      let expected = try? Digest.hmac(
        algorithm.hash, key: secret,
        Message.number(UInt16(requestMAC.count)) + requestMAC + unsigned
          + variables(time, error: error, other: other, fudge: fudge))
      guard let expected, Self.isEqual(expected, mac) else { return .forged }
      if error != 0 { return .rejected(ResponseCode(rawValue: error)) }
      let distance = time > now ? time - now : now - time
      return distance <= UInt64(fudge) ? .genuine : .forged
    } catch { return .forged }
  }

  /// In the same time wherever they differ.
  private static func isEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    one.count == other.count && zip(one, other).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }
}
