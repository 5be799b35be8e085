internal import Exchange
internal import JSON
internal import Upstream

/// A route's services by model, the most exact first.
@safe struct CompiledModels: BitwiseCopyable {
  @safe struct Rule: BitwiseCopyable {
    let text: RawBytes
    let isExact: Bool
    /// Who shares the requests, and behind them who has one in turn where the one before has no answer.
    let targets: UnsafeMutablePointer<Target>
    let shares: Int
    let fallbacks: Int
    let totalWeight: UInt64

    /// Whether one of its services has another name for the model, which is written into the content.
    var writesNames: Bool {
      for place in 0..<shares + fallbacks where unsafe targets[place].model.count > 0 { return true }
      return false
    }

    /// Its only service, whose name for it is the client's: nothing of the content need be known.
    var plainTarget: UnsafeMutablePointer<Target>? {
      guard shares == 1, fallbacks == 0, unsafe targets.pointee.model.count == 0 else { return nil }
      return unsafe targets
    }

    /// Who has the requests of a key: the same one always, and everywhere. There must be one.
    func target(of key: UInt64) -> UnsafeMutablePointer<Target> {
      guard shares > 1 else { return unsafe targets }
      var place = Rendezvous.rank(key, CompiledModels.splitting).multipliedFullWidth(by: totalWeight).high
      for index in 0..<shares - 1 {
        let own = unsafe targets[index].weight
        if place < own { return unsafe targets + index }
        place -= own
      }
      return unsafe targets + (shares - 1)
    }

    /// The first of those who stand in.
    var firstFallback: UnsafeMutablePointer<Target> { unsafe targets + shares }
  }

  /// A service that has a model.
  @safe struct Target: BitwiseCopyable {
    let service: UnsafeMutablePointer<ServiceEntry>
    /// The backend's name for it as the inside of a JSON string; empty for the client's.
    let model: RawBytes
    let weight: UInt64
  }

  /// Shares of services fall elsewhere than keys on backends.
  private static let splitting: UInt64 = 0x5EED

  private let rules: UnsafeMutablePointer<Rule>
  private let count: Int
  /// The longest Host that any of the services has of its own, in bytes.
  let longestHost: Int

  init(_ all: [Settings.ModelRule], _ services: ServiceEntries, _ arena: Arena) {
    let sorted = all.sorted { a, b in
      let (first, second) = (a.pattern.parts, b.pattern.parts)
      return first.isExact == second.isExact
        ? first.text.utf8.count > second.text.utf8.count : first.isExact
    }
    unsafe rules = unsafe arena.array(of: Rule.self, count: sorted.count)
    count = sorted.count
    var longest = 0
    for (place, rule) in sorted.enumerated() {
      let all = rule.targets + rule.fallback
      let (text, isExact) = rule.pattern.parts
      // Where one has another name for it, what the others get must be written back.
      let own = isExact && all.contains { $0.model != nil } ? text : nil
      let targets = unsafe arena.array(of: Target.self, count: all.count)
      for (index, target) in all.enumerated() {
        let service = unsafe services[target.service]
        longest = unsafe max(longest, service.pointee.longestHost)
        let name = target.model ?? own
        let inside = name.map { Array(JSONString.quoted($0).utf8.dropFirst().dropLast()) } ?? []
        unsafe (targets + index).initialize(
          to: Target(service: service, model: arena.bytes(inside), weight: UInt64(max(1, target.weight))))
      }
      unsafe (rules + place).initialize(
        to: Rule(
          text: arena.bytes(Array(text.utf8)), isExact: isExact, targets: targets, shares: rule.targets.count,
          fallbacks: rule.targets.isEmpty ? 0 : rule.fallback.count,
          totalWeight: rule.targets.reduce(0) { $0 + UInt64(max(1, $1.weight)) }))
    }
    longestHost = longest
  }

  /// The rule for a model; nil when none is for it.
  func find(_ name: UnsafePointer<UInt8>, _ length: Int) -> UnsafeMutablePointer<Rule>? {
    for place in 0..<count {
      let rule = unsafe rules + place
      let text = unsafe rule.pointee.text
      guard unsafe rule.pointee.isExact ? text.count == length : text.count <= length else { continue }
      var isSame = true
      for i in 0..<text.count where unsafe text.start[i] != name[i] {
        isSame = false
        break
      }
      if isSame { return unsafe rule }
    }
    return nil
  }
}

extension Settings.ModelPattern {
  /// What a name is, or begins with, and which of both.
  fileprivate var parts: (text: String, isExact: Bool) {
    switch self {
    case .any: ("", false)
    case .exact(let name): (name, true)
    case .prefix(let start): (start, false)
    }
  }
}
