import Bytes
import CertStore
import PKI
import Synchronization

/// The store with an index of what planning needs: certificates that have not changed since they were read are not read
/// again, by no process.
///
/// The index is trusted only where the file system says that nothing has changed. One that is missing, damaged or of
/// another version costs time and nothing else.
final class IndexedStore: RenewalStore {
  struct Entry: Equatable {
    var generation: Int
    var signature: LineageSignature
    var held: HeldCertificate
    var record: RenewalRecord?
  }

  private struct State {
    /// Nil until it is needed.
    var entries: [LineageName: Entry]?
    /// Looked at in this run.
    var checked: Set<LineageName> = []
    var isDirty = false
    /// The list of compromised keys that the entries were read beside.
    var compromised: UInt64 = 0
  }

  private let store: CertStore
  private let state = Mutex(State())

  init(_ store: CertStore) { self.store = store }

  func beginRun() {
    let compromised = store.compromisedKeysSignature()
    state.withLock { state in
      state.checked.removeAll(keepingCapacity: true)
      if state.compromised != compromised { state.entries = nil }
      state.compromised = compromised
    }
  }

  /// Finds what has not changed, on all cores.
  func prepare(_ names: [LineageName]) async {
    let kept = state.withLock { state in
      let entries = loaded(&state)
      return names.compactMap { name in
        entries[name].map { (name: name, generation: $0.generation, signature: $0.signature) }
      }
    }
    let share = max(kept.count / Self.parallelChecks + 1, Self.leastChecks)
    await withTaskGroup(of: [LineageName].self) { group in
      for start in stride(from: 0, to: kept.count, by: share) {
        group.addTask { [store] in store.unchanged(kept[start..<min(start + share, kept.count)]) }
      }
      for await names in group { state.withLock { $0.checked.formUnion(names) } }
    }
  }

  private static let parallelChecks = 4
  /// What a task is worth.
  private static let leastChecks = 64

  /// The entries, from the index when they are first needed, unless a key has become known as compromised since.
  private func loaded(_ state: inout sending State) -> [LineageName: Entry] {
    if let entries = state.entries { return entries }
    let entries = store.readIndex().flatMap { HeldIndex.decode($0, state.compromised) } ?? [:]
    state.entries = entries
    return entries
  }

  func endRun() {
    let index: [UInt8]? = state.withLock { state in
      defer { state.isDirty = false }
      return state.isDirty ? state.entries.map { HeldIndex.encode($0, state.compromised) } : nil
    }
    if let index { try? store.writeIndex(index) }
  }

  func history(issuers: [String: IssuerTraits], now: UnixTime) throws(StoreError) -> History {
    try store.history(issuers: issuers, now: now)
  }

  func append(_ entry: LedgerEntry) throws(StoreError) { try store.append(entry) }

  func access(_ name: LineageName) throws(StoreError) -> (any LineageAccess)? {
    // Whoever has the right to change it reads it anew.
    forget(name)
    return try store.access(name).map { Access(lineage: $0, changed: { [self] in forget(name) }) }
  }

  /// It is looked at anew when it is needed.
  private func forget(_ name: LineageName) { state.withLock { _ = $0.checked.remove(name) } }

  /// The right to change a certificate, after each use of which it is looked at anew.
  private struct Access: LineageAccess {
    let lineage: any LineageAccess
    let changed: @Sendable () -> Void

    func pendingOrder(now: UnixTime) throws(StoreError) -> PendingOrder? {
      try lineage.pendingOrder(now: now)
    }
    func recordOrder(_ order: PendingOrder) throws(StoreError) { try lineage.recordOrder(order) }
    func clearOrder() { lineage.clearOrder() }

    func publish(
      _ issued: any Issued, key: PrivateKey, meta: CertificateMeta, deploys: [DeployAction], now: UnixTime
    ) throws -> Int {
      defer { changed() }
      return try lineage.publish(issued, key: key, meta: meta, deploys: deploys, now: now)
    }

    func record(_ record: RenewalRecord) throws(StoreError) {
      defer { changed() }
      try lineage.record(record)
    }
  }

  func held(_ name: LineageName, now: UnixTime) -> HeldCertificate? { entry(name, now)?.held }

  func renewalRecord(_ name: LineageName) -> RenewalRecord? {
    let known = state.withLock { $0.checked.contains(name) ? $0.entries?[name] : nil }
    return known.map(\.record) ?? store.renewalRecord(name)
  }

  private func entry(_ name: LineageName, _ now: UnixTime) -> Entry? {
    let (known, isChecked) = state.withLock { state in
      (loaded(&state)[name], state.checked.contains(name))
    }
    if isChecked { return known }
    if let known, known.signature == store.signature(of: name, generation: known.generation) {
      state.withLock { _ = $0.checked.insert(name) }
      return known
    }
    let generation = store.currentGeneration(of: name) ?? 0
    let signature = store.signature(of: name, generation: generation)
    let held = store.held(name, now: now)
    // Only what was the same before and after reading is known for sure.
    guard let held, let signature, store.currentGeneration(of: name) == generation,
      store.signature(of: name, generation: generation) == signature
    else {
      state.withLock { state in
        state.isDirty = state.entries?.removeValue(forKey: name) != nil || state.isDirty
      }
      return held.map { Entry(generation: 0, signature: LineageSignature(value: 0), held: $0) }
    }
    let fresh = Entry(
      generation: generation, signature: signature, held: held, record: store.renewalRecord(name))
    state.withLock { state in
      state.entries?[name] = fresh
      state.checked.insert(name)
      state.isDirty = true
    }
    return fresh
  }
}

/// The index's form: a line with the version, then one for each certificate, fields separated by tabs.
enum HeldIndex {
  private static let version = "certd-index 3"
  private static let tab = UInt8(ascii: "\t")
  private static let lineFeed = UInt8(ascii: "\n")
  private static let fields = 17

  static func encode(_ entries: [LineageName: IndexedStore.Entry], _ compromised: UInt64) -> [UInt8] {
    var text = "\(version) \(compromised)\n"
    for (name, entry) in entries.sorted(by: { $0.key < $1.key }) where !entry.held.isCompromised {
      let held = entry.held
      let fields: [String] = [
        name.description, "\(entry.signature.value)", held.identifiers.sorted().joined(separator: " "),
        held.isRebuilt ? "1" : "0", held.keyType ?? "", held.issuer ?? "", "\(held.notBefore.seconds)",
        "\(held.notAfter.seconds)", held.certificateID ?? "", entry.record?.certificateID ?? "",
        number(entry.record?.windowStart), number(entry.record?.windowEnd), number(entry.record?.chosen),
        number(entry.record?.askAgainAt), "\(entry.generation)",
        number(held.obtainedAt), "end",
      ]
      // A name with such a character comes from a configuration by hand; it is read each time.
      guard fields.allSatisfy({ !$0.utf8.contains(tab) && !$0.utf8.contains(lineFeed) }) else { continue }
      text += fields.joined(separator: "\t") + "\n"
    }
    return Array(text.utf8)
  }

  private static func number(_ time: UnixTime?) -> String { time.map { "\($0.seconds)" } ?? "" }

  /// Nil for another version; lines that cannot be read are left out.
  static func decode(_ bytes: [UInt8], _ compromised: UInt64) -> [LineageName: IndexedStore.Entry]? {
    var lines = bytes.split(separator: lineFeed)[...]
    guard let first = lines.popFirst(), text(first) == "\(version) \(compromised)" else {
      return nil
    }
    var entries: [LineageName: IndexedStore.Entry] = [:]
    entries.reserveCapacity(lines.count)
    for line in lines {
      let parts = line.split(separator: tab, omittingEmptySubsequences: false)
      guard parts.count == fields, let name = LineageName(text(parts[0])), let entry = entry(parts) else {
        continue
      }
      entries[name] = entry
    }
    return entries
  }

  private static func text(_ part: ArraySlice<UInt8>) -> String { String(decoding: part, as: UTF8.self) }
  private static func optional(_ part: ArraySlice<UInt8>) -> String? { part.isEmpty ? nil : text(part) }
  private static func time(_ part: ArraySlice<UInt8>) -> UnixTime? {
    Int64(text(part)).map { UnixTime(seconds: $0) }
  }

  private static func entry(_ parts: [ArraySlice<UInt8>]) -> IndexedStore.Entry? {
    guard let signature = UInt64(text(parts[1])), let notBefore = time(parts[6]),
      let notAfter = time(parts[7]), let generation = Int(text(parts[14])), generation > 0,
      text(parts[16]) == "end"
    else { return nil }
    var held = HeldCertificate(
      identifiers: Set(parts[2].split(separator: UInt8(ascii: " ")).map(text)),
      isRebuilt: text(parts[3]) == "1",
      keyType: optional(parts[4]), issuer: optional(parts[5]), notBefore: notBefore, notAfter: notAfter,
      certificateID: optional(parts[8]))
    held.obtainedAt = time(parts[15])
    var record: RenewalRecord?
    if let id = optional(parts[9]), let askAgainAt = time(parts[13]) {
      record = RenewalRecord(
        certificateID: id, windowStart: time(parts[10]), windowEnd: time(parts[11]), chosen: time(parts[12]),
        askAgainAt: askAgainAt)
    }
    return IndexedStore.Entry(
      generation: generation, signature: LineageSignature(value: signature), held: held, record: record)
  }
}
