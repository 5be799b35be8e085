internal import Bytes
internal import CertStore
public import Etcd
internal import JSON
internal import PKI

/// What an operator does to all that a fleet has at etcd.
public struct FleetKeeper: Sendable {
  let client: EtcdClient
  let space: Space
  let seal: SealKeys

  /// Of the fleet below a prefix.
  public init(_ client: EtcdClient, _ space: Space, _ seal: SealKeys) {
    (self.client, self.space, self.seal) = (client, space, seal)
  }

  func asking<R>(_ body: () async throws -> R) async throws(FleetError) -> R {
    do { return try await body() } catch let error as FleetError { throw error } catch {
      throw .store("\(error)")
    }
  }

  // MARK: Sealing

  /// What became of sealing everything anew.
  public struct Resealed: Sendable, Equatable {
    /// How much is sealed with the newest key by this.
    public var changed = 0
    /// How much was already.
    public var kept = 0
  }

  /// Seals everything secret with the newest key. What is changed meanwhile is looked at once more.
  public func reseal() async throws(FleetError) -> Resealed {
    try await asking {
      var done = Resealed()
      for round in 0..<Self.rounds {
        var hasMissed = false
        for one in try await client.list(prefix: space.root).all {
          guard let fresh = try resealed(one) else {
            if round == 0, isSecret(one) { done.kept += 1 }
            continue
          }
          let result = try await client.commit(
            Transaction(
              if: [.modified(one.key, one.modRevision)], then: [.put(one.key, fresh, lease: one.lease)]))
          if result.succeeded { done.changed += 1 } else { hasMissed = true }
        }
        if !hasMissed { return done }
      }
      throw FleetError.store("others change what is being sealed; try again")
    }
  }

  private static let rounds = 5

  private func isSecret(_ one: KeyValue) -> Bool {
    switch space.kind(of: one.key) {
    case .certificate, .order, .account, .tickets, .file, .configuration: true
    default: false
    }
  }

  private func resealed(_ one: KeyValue) throws -> [UInt8]? {
    switch space.kind(of: one.key) {
    case .certificate: return try SharedGeneration.resealed(one.value, at: one.key, seal)
    case .order, .account, .tickets, .file, .configuration:
      if seal.isNewest(one.value) { return nil }
      return try seal.seal(try seal.open(one.value, at: one.key), at: one.key)
    default: return nil
    }
  }

  // MARK: Copies

  /// The largest copy that is read, in bytes.
  public static let maximumBackupInBytes = 1 << 30
  private static let format = "certd-fleet 1"

  /// Everything that lasts, a key a line, sealed as it stands; what ends with a node's lease is left out.
  public func backup() async throws(FleetError) -> (text: [UInt8], count: Int) {
    try await asking {
      let (all, revision) = try await client.list(prefix: space.root)
      var text = Array("\(Self.format) revision \(revision)\n".utf8)
      let lasting = all.filter { $0.lease == 0 }
      for one in lasting {
        let line: JSONValue = [
          "key": .string(String(one.key.dropFirst(space.root.count))),
          "value": .string(Base64.encode(one.value)),
        ]
        text += Array(line.text.utf8) + [0x0A]
      }
      return (text, lasting.count)
    }
  }

  /// What became of a copy that was put back.
  public struct Restored: Sendable, Equatable {
    /// Keys that were written.
    public var written = 0
    /// Keys that are as new or newer at etcd.
    public var kept = 0
  }

  /// Puts a copy back: what is not there, and certificates whose generation is lower there. Sealed things are bound to
  /// their places, so that the prefix has to be the same.
  public func restore(_ text: [UInt8]) async throws(FleetError) -> Restored {
    var lines = text.split(separator: 0x0A)[...]
    guard let head = lines.popFirst(), head.starts(with: Array(Self.format.utf8)) else {
      throw .damaged("this is no copy of a fleet")
    }
    var pairs: [(key: String, value: [UInt8])] = []
    for (index, line) in lines.enumerated() {
      guard let value = try? JSONValue(parsing: line), let key = value["key"]?.string,
        let content = value["value"]?.string.flatMap({ Base64.decode($0) })
      else { throw .damaged("line \(index + 2) of the copy is damaged; nothing was written") }
      pairs.append((space.root + key, content))
    }
    let all = pairs
    return try await asking {
      var done = Restored()
      for (key, value) in all {
        // Nothing that does not open here is of use.
        try openable(key, value)
        let known = try await client.get(key)
        guard Self.isNewer(value, known, space.kind(of: key)) else {
          done.kept += 1
          continue
        }
        let result = try await client.commit(
          Transaction(if: [.modified(key, known?.modRevision ?? 0)], then: [.put(key, value)]))
        if result.succeeded { done.written += 1 } else { done.kept += 1 }
      }
      return done
    }
  }

  private func openable(_ key: String, _ value: [UInt8]) throws {
    switch space.kind(of: key) {
    case .certificate: _ = try SharedGeneration(record: value, at: key, seal)
    case .order, .account, .tickets, .file, .configuration: _ = try seal.open(value, at: key)
    default: break
    }
  }

  private static func isNewer(_ value: [UInt8], _ known: KeyValue?, _ kind: Space.Kind) -> Bool {
    guard let known else { return true }
    guard case .certificate = kind, let mine = SharedGeneration.Head(record: value),
      let theirs = SharedGeneration.Head(record: known.value)
    else { return false }
    return mine.number > theirs.number
  }

  // MARK: Nodes

  /// A node that holds a lease.
  public struct Node: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// Its certd.
    public var version: String
    /// Since when it is there.
    public var since: String
    /// How many certificates it serves.
    public var serves: Int
    /// Certificates of the fleet that it does not serve.
    public var behind: [String]
  }

  /// Live nodes, and how many certificates the fleet has.
  public func nodes() async throws(FleetError) -> (nodes: [Node], certificates: Int) {
    try await asking {
      var mirror = Mirror()
      for one in try await client.list(prefix: space.node("")).all {
        mirror.nodes[String(one.key.dropFirst(space.node("").count))] = try? JSONValue(parsing: one.value)
      }
      var said: [String: Serves] = [:]
      for one in try await client.list(prefix: space.serves("")).all {
        said[String(one.key.dropFirst(space.serves("").count))] = Serves(record: one.value)
      }
      let nodes = mirror.nodes.sorted { $0.key < $1.key }.map { name, record in
        Node(
          name: name, version: record["version"]?.string ?? "-", since: record["since"]?.string ?? "-",
          serves: said[name]?.count ?? 0, behind: said[name]?.behind ?? [])
      }
      let certificates = try await client.list(prefix: "\(space.root)certificates/").all.count
      return (nodes, certificates)
    }
  }

  /// Ends a node's lease at once: others need not wait for it. False where there is none of that name. A certd that runs
  /// comes back with a lease of its own.
  public func dismiss(_ node: String) async throws(FleetError) -> Bool {
    try await asking {
      guard let found = try await client.get(space.node(node)), found.lease != 0 else { return false }
      try await client.revoke(found.lease)
      return true
    }
  }
}
