public import JSON

/// One member that is not as it shall be.
public struct FieldChange: Sendable, Equatable {
  /// Where it is: `backends[0].maxUtilization`.
  public let path: String
  /// What is there; nil for nothing.
  public let old: JSONValue?
  /// What shall be there; nil for nothing.
  public let new: JSONValue?

  /// A change.
  public init(_ path: String, old: JSONValue?, new: JSONValue?) {
    self.path = path
    self.old = old
    self.new = new
  }

  /// The member of the resource that it is in.
  public var member: String { String(path.prefix { $0 != "." && $0 != "[" }) }
}

/// Compares a resource as it shall be with one as Google answers it.
///
/// Only what is set is compared, at any depth, so that what Google fills in does not count; null says that a
/// member must not be there, which an empty one, false and 0 obey too (proto3 does not tell them apart).
struct ChainComparison {
  let project: String
  /// Lists whose order means nothing.
  private static let sets: Set<String> = ["hosts", "paths", "hostRules"]
  /// The largest difference of two numbers that are the same, as a share: Google keeps some as 32-bit floats.
  private static let tolerance = 1e-6

  func differences(_ wanted: JSONValue, _ actual: JSONValue?, at path: String = "") -> [FieldChange] {
    let member = path.split(separator: ".").last.map { String($0.prefix { $0 != "[" }) } ?? ""
    switch wanted {
    case .null: return isEmpty(actual) ? [] : [FieldChange(path, old: actual, new: nil)]
    case .object(let members):
      // Something new as a whole is told as a whole.
      if actual == nil, !path.isEmpty {
        let clean = wanted.withoutNulls
        return isEmpty(clean) ? [] : [FieldChange(path, old: nil, new: clean)]
      }
      return members.sorted { $0.key < $1.key }.flatMap { name, value in
        differences(value, actual?[name], at: path.isEmpty ? name : "\(path).\(name)")
      }
    case .array(let elements):
      let (wanted, found) = (arranged(elements, member), arranged(actual?.elements ?? [], member))
      guard wanted.count == found.count else {
        return [FieldChange(path, old: actual, new: JSONValue.array(wanted).withoutNulls)]
      }
      return zip(wanted, found).enumerated().flatMap { index, pair in
        differences(pair.0, pair.1, at: "\(path)[\(index)]")
      }
    default:
      return isSame(wanted, actual, member) ? [] : [FieldChange(path, old: actual, new: wanted)]
    }
  }

  private func arranged(_ elements: [JSONValue], _ member: String) -> [JSONValue] {
    guard Self.sets.contains(member) else { return elements }
    return elements.sorted { key($0) < key($1) }
  }

  private func key(_ element: JSONValue) -> String {
    element.string ?? element["pathMatcher"]?.string ?? element.text
  }

  private func isEmpty(_ value: JSONValue?) -> Bool {
    switch value {
    case nil, .null?, .bool(false)?, .string("")?: true
    case .array(let elements)?: elements.isEmpty
    case .object(let members)?: members.values.allSatisfy { isEmpty($0) }
    case .number(let text)?: Double(text) == 0
    default: false
    }
  }

  private func isSame(_ wanted: JSONValue, _ actual: JSONValue?, _ member: String) -> Bool {
    if wanted == actual || isEmpty(wanted) && isEmpty(actual) { return true }
    guard let actual else { return false }
    if let a = number(wanted), let b = number(actual) {
      return abs(a - b) <= Self.tolerance * max(1, abs(a))
    }
    guard ChainLinks.members.contains(member), let a = wanted.string, let b = actual.string else {
      return false
    }
    return ResourceLink(a, project: project) == ResourceLink(b, project: project)
  }

  private func number(_ value: JSONValue) -> Double? {
    switch value {
    case .number(let text), .string(let text): Double(text)
    default: nil
    }
  }
}

extension JSONValue {
  /// The value without members that are null, at any depth: what is sent to make something.
  var withoutNulls: JSONValue {
    switch self {
    case .object(let members):
      .object(members.compactMapValues { $0 == .null ? nil : $0.withoutNulls })
    case .array(let elements): .array(elements.map(\.withoutNulls))
    default: self
    }
  }

  /// The value as a patch wants it: nulls of members say that they go; in lists, which are replaced whole, they
  /// say nothing.
  var asPatch: JSONValue {
    switch self {
    case .object(let members): .object(members.mapValues(\.asPatch))
    case .array(let elements): .array(elements.map(\.withoutNulls))
    default: self
    }
  }
}
