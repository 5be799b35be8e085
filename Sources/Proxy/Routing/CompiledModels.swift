internal import Exchange
internal import JSON

/// A route's services by model, the most exact first.
@safe struct CompiledModels: BitwiseCopyable {
  @safe struct Rule: BitwiseCopyable {
    let text: RawBytes
    let isExact: Bool
    let service: UnsafeMutablePointer<ServiceEntry>
    /// The backend's name for it as the inside of a JSON string; empty for the client's.
    let model: RawBytes
  }

  private let rules: UnsafeMutablePointer<Rule>
  private let count: Int
  /// The longest Host that any of the services has of its own, in bytes.
  let longestHost: Int

  init(_ all: [Settings.ModelRule], _ services: UnsafeMutablePointer<ServiceEntry>, _ arena: Arena) {
    let sorted = all.sorted { a, b in
      let (first, second) = (a.pattern.parts, b.pattern.parts)
      return first.isExact == second.isExact
        ? first.text.utf8.count > second.text.utf8.count : first.isExact
    }
    unsafe rules = unsafe arena.array(of: Rule.self, count: sorted.count)
    count = sorted.count
    var longest = 0
    for (place, rule) in sorted.enumerated() {
      let service = unsafe services + rule.service
      longest = unsafe max(longest, service.pointee.longestHost)
      let inside = rule.model.map { Array(JSONString.quoted($0).utf8.dropFirst().dropLast()) } ?? []
      let (text, isExact) = rule.pattern.parts
      unsafe (rules + place).initialize(
        to: Rule(
          text: arena.bytes(Array(text.utf8)), isExact: isExact, service: service,
          model: arena.bytes(inside)))
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
