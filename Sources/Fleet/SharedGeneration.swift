public import Bytes
public import CertStore
internal import JSON
public import PKI

/// One generation of a certificate as all nodes have it.
public struct SharedGeneration: Sendable {
  /// Its number; each is higher than the one before.
  public var number: Int
  /// The private key.
  public var key: PrivateKey
  /// Leaf and intermediates.
  public var chain: CertificateChain
  /// What else is known.
  public var meta: CertificateMeta
  /// The node that has published it.
  public var node: String
  /// When that was, by that node's clock: for people.
  public var publishedAt: UnixTime

  /// A generation.
  public init(
    number: Int, key: PrivateKey, chain: CertificateChain, meta: CertificateMeta, node: String,
    publishedAt: UnixTime
  ) {
    (self.number, self.key, self.chain, self.meta) = (number, key, chain, meta)
    (self.node, self.publishedAt) = (node, publishedAt)
    self.meta.fleetGeneration = number
  }

  /// The leaf's SHA-256 in hexadecimal.
  public var leafSHA256: String { Hex.encode(chain.leaf.sha256) }

  /// As it stands at a key: the number in the open, the rest sealed for this key and number.
  func record(at key: String, _ seal: SealKeys) throws(PKIError) -> [UInt8] {
    let plain: JSONValue = [
      "key": .string(String(decoding: try self.key.pem(), as: UTF8.self)),
      "chain": .string(String(decoding: chain.pem, as: UTF8.self)),
      "meta": .string(String(decoding: meta.record, as: UTF8.self)),
    ]
    let sealed = try seal.seal(Array(plain.text.utf8), at: Self.place(key, number))
    let record: JSONValue = [
      "generation": JSONValue(number), "node": .string(node), "leaf": .string(leafSHA256),
      "published_at": .string("\(publishedAt.seconds)"), "sealed": .string(Base64.encode(sealed)),
    ]
    return Array(record.text.utf8)
  }

  /// What stands at a key; throws when it is anything else, or was moved there. Not verified yet: publishing is.
  init(record: [UInt8], at key: String, _ seal: SealKeys) throws(PKIError) {
    func bad(_ reason: String) -> PKIError { PKIError(what: "reading \(key)", reason: reason) }
    guard let value = try? JSONValue(parsing: record), let number = Head(value)?.number,
      let sealed = value["sealed"]?.string.flatMap({ Base64.decode($0) })
    else { throw bad("it is no certificate of a fleet") }
    let plain = try seal.open(sealed, at: Self.place(key, number))
    guard let inner = try? JSONValue(parsing: plain), let keyPEM = inner["key"]?.string,
      let chainPEM = inner["chain"]?.string,
      let meta = CertificateMeta(record: Array((inner["meta"]?.string ?? "").utf8))
    else { throw bad("what is sealed is no certificate") }
    self.init(
      number: number, key: try PrivateKey(pem: Array(keyPEM.utf8)),
      chain: try CertificateChain(pem: Array(chainPEM.utf8)), meta: meta, node: value["node"]?.string ?? "",
      publishedAt: UnixTime(seconds: value["published_at"]?.int ?? 0))
    guard value["leaf"]?.string == leafSHA256 else { throw bad("its leaf is another one than it says") }
  }

  /// The same sealed with the newest key; nil when it is already.
  static func resealed(_ record: [UInt8], at key: String, _ seal: SealKeys) throws(PKIError) -> [UInt8]? {
    if let sealed = (try? JSONValue(parsing: record))?["sealed"]?.string.flatMap({ Base64.decode($0) }),
      seal.isNewest(sealed)
    {
      return nil
    }
    return try SharedGeneration(record: record, at: key, seal).record(at: key, seal)
  }

  private static func place(_ key: String, _ number: Int) -> String { "\(key)#\(number)" }

  /// What stands there in the open.
  struct Head: Equatable, Sendable {
    let number: Int
    let leaf: String

    init?(record: [UInt8]) {
      guard let value = try? JSONValue(parsing: record) else { return nil }
      self.init(value)
    }

    init?(_ value: JSONValue) {
      guard let number = value["generation"]?.int, (1...Int64(Int32.max)).contains(number),
        let leaf = value["leaf"]?.string, leaf.utf8.count == 64
      else { return nil }
      (self.number, self.leaf) = (Int(number), leaf)
    }

    init(number: Int, leaf: String) { (self.number, self.leaf) = (number, leaf) }
  }
}
