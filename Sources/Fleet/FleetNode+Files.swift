internal import Etcd
internal import PKI

// Small files that are the same at every node: sealed, and the last whole one counts.
extension FleetNode {
  /// The largest file, in bytes.
  public static let maximumFileInBytes = KeyValue.maximumValueInBytes - 1024

  /// What the fleet has of a file; nil for nothing.
  public func file(_ name: String) -> [UInt8]? { mirror.files[name]?.content }

  /// Has all nodes take a file. Where another node has written it since this one saw it, that one's stands, and comes here as
  /// news; false then, and while etcd is away.
  public func offer(file name: String, _ content: [UInt8]) async -> Bool {
    guard isConnected else { return false }
    let known = mirror.files[name]
    if known?.content == content { return true }
    let key = settings.space.file(name)
    guard content.count <= Self.maximumFileInBytes, let sealed = try? settings.seal.seal(content, at: key)
    else {
      tellOnce("\(name): more than \(Self.maximumFileInBytes) bytes are not shared")
      return false
    }
    let result = try? await client.commit(
      Transaction(if: [.modified(key, known?.revision ?? 0)], then: [.put(key, sealed)]))
    guard let result, result.succeeded else { return false }
    mirror.files[name] = (content, result.revision)
    return true
  }

  func fileChanged(_ name: String, _ change: Change) {
    guard !change.isGone else { return mirror.files[name] = nil }
    // What this node has just written comes back to it.
    guard change.keyValue.modRevision > mirror.files[name]?.revision ?? 0 else { return }
    do throws(PKIError) {
      let content = try settings.seal.open(change.keyValue.value, at: change.keyValue.key)
      mirror.files[name] = (content, change.keyValue.modRevision)
      if isJoined { world.tell(.file(name, content)) }
    } catch { tellOnce(error.description) }
  }
}
