import APIKeys
import Configuration
import OS
import Synchronization

/// Files of keys with limits, as they were last good, and what their keys have used.
final class KeyStore: Sendable {
  /// What keys and groups have used, over reloads.
  let usages = KeyUsages()
  private let good = Mutex<[String: Good]>([:])
  private let known = Mutex<[String: TokenIssuer]>([:])

  private struct Good {
    let file: String
    var group: KeyGroup
  }

  /// The files that are looked at for changes.
  static func files(_ configuration: Configuration) -> [String] {
    configuration.keyGroups.compactMap(\.file?.value)
  }

  /// The groups by name. What of a file cannot be read is told by its line: with `lenience` the keys that were good before go
  /// on, and everything else that can be read; without, it is an error.
  func load(
    _ configuration: Configuration, _ lenience: Lenience?
  ) throws(SetupError) -> [String: KeyGroup] {
    let before = good.withLock { $0 }
    var now: [String: Good] = [:]
    for settings in configuration.keyGroups {
      guard let place = settings.file else {
        now[settings.name] = Good(
          file: "", group: KeyGroup(name: settings.name, limits: settings.limits, keys: []))
        continue
      }
      let file = place.value
      let old = before[settings.name].flatMap { $0.file == file ? $0.group.keys : nil } ?? []
      var problems: [String] = []
      var group = KeyGroup(name: settings.name, limits: settings.limits, keys: old)
      do throws(SystemError) {
        // None at all is a file that nobody has made a key for yet.
        let bytes = try Self.read(file) ?? []
        let list = KeyList(bytes, group: settings.name)
        problems = list.problems.map { "\(file):\($0.line): \($0.reason)" }
        group.keys = Self.joined(list, old)
      } catch { problems = ["\(error)"] }
      if let problem = problems.first {
        let text = configuration.error(at: place.origin, problem).description
        let more = problems.count > 1 ? " (and \(problems.count - 1) more)" : ""
        guard let lenience else { throw .configuration(text + more) }
        lenience.note(keys: "\(text)\(more); the keys that were good before go on")
      }
      now[settings.name] = Good(file: file, group: group)
    }
    let loaded = now
    good.withLock { $0 = loaded }
    return loaded.mapValues(\.group)
  }

  /// The keys of a file; where some of it cannot be read, also those that it had before and does not name now.
  private static func joined(_ list: KeyList, _ old: [KeyRecord]) -> [KeyRecord] {
    let fresh = list.keys
    guard !list.problems.isEmpty else { return fresh }
    let ids = Set(fresh.map(\.id))
    return fresh + old.filter { !ids.contains($0.id) }
  }

  /// Every key that is known, with its group's limits.
  func records() -> [(key: KeyRecord, groupLimits: KeyLimits)] {
    good.withLock { $0.values.flatMap { one in one.group.keys.map { ($0, one.group.limits) } } }
      .sorted { ($0.key.group, $0.key.name) < ($1.key.group, $1.key.name) }
  }

  private static func read(_ file: String) throws(SystemError) -> [UInt8]? {
    do throws(SystemError) {
      return try FileSystem().read(file, limitInBytes: KeyList.maximumBytes, followingLinks: true)
    } catch {
      if error.isAbsence { return nil }
      throw error
    }
  }

  /// The issuers of some groups, for a route; nil when none of them takes tokens.
  func door(_ names: [String], _ configuration: Configuration) -> TokenDoor? {
    let entries = configuration.keyGroups.filter { names.contains($0.name) }.compactMap { settings in
      issuer(settings).map { TokenDoor.Entry($0, settings.limits) }
    }
    return entries.isEmpty ? nil : TokenDoor(entries, usages)
  }

  /// The issuer of a group, with the keys that it has already.
  func issuer(_ settings: KeyGroupSettings) -> TokenIssuer? {
    guard let rules = settings.tokens else { return nil }
    return known.withLock { known in
      if let issuer = known[settings.name], issuer.rules == rules { return issuer }
      let made = TokenIssuer(rules, group: settings.name)
      known[settings.name] = made
      return made
    }
  }

  /// The keys of some groups, for a route.
  func ring(_ names: [String], _ groups: [String: KeyGroup]) -> KeyRing {
    KeyRing(names.compactMap { groups[$0] }) { group, id in usages.usage(.init(group: group, id: id)) }
  }
}
