internal import JSON

/// Writes Terraform's language: blocks, attributes, and values in quotes in which nothing is a template.
struct TerraformWriter {
  private(set) var text = ""
  /// Names of variables that values were replaced by.
  private(set) var variables: [String] = []
  private var depth = 0

  mutating func line(_ line: String) {
    text += String(repeating: "  ", count: depth) + line + "\n"
  }

  mutating func block(_ head: String, _ body: (inout TerraformWriter) -> Void) {
    if depth == 0, !text.isEmpty { text += "\n" }
    line("\(head) {")
    depth += 1
    body(&self)
    depth -= 1
    line("}")
  }

  mutating func attribute(_ name: String, _ value: JSONValue) {
    line("\(name) = \(Self.literal(value))")
  }

  /// Members of a resource of Google's: objects are blocks, links to what is in the file are references.
  mutating func members(_ value: JSONValue, _ addresses: [String: String]) {
    for (member, value) in value.members.sorted(by: { $0.key < $1.key }) {
      let name = Self.names[member] ?? Self.snake(member)
      switch value {
      case .object where member == "labels": attribute(name, value)
      case .object: block(name) { $0.members(value, addresses) }
      case .array(let elements)
      where elements.contains(where: { if case .object = $0 { true } else { false } }):
        for element in elements { block(name) { $0.members(element, addresses) } }
      case .array(let elements):
        line("\(name) = [\(elements.map { reference($0, addresses) }.joined(separator: ", "))]")
      case .string where member == "headerValue":
        let variable = "header_value_\(variables.count + 1)"
        variables.append(variable)
        line("\(name) = var.\(variable)")
      default: line("\(name) = \(reference(value, addresses))")
      }
    }
  }

  private func reference(_ value: JSONValue, _ addresses: [String: String]) -> String {
    if let link = value.string, let address = addresses[link] { return "\(address).id" }
    return Self.literal(value)
  }

  /// What Terraform calls otherwise than by the same words.
  private static let names: [String: String] = [
    "backends": "backend", "hostRules": "host_rule", "pathMatchers": "path_matcher", "pathRules": "path_rule",
    "IPAddress": "ip_address", "IPProtocol": "ip_protocol",
  ]

  private static func snake(_ camel: String) -> String {
    camel.map { $0.isUppercase ? "_" + $0.lowercased() : String($0) }.joined()
  }

  private static func literal(_ value: JSONValue) -> String {
    switch value {
    case .string(let text):
      JSONValue.string(text).text.replacing("${", with: "$${").replacing("%{", with: "%%{")
    case .array(let elements): "[\(elements.map(literal).joined(separator: ", "))]"
    case .object(let members):
      "{ "
        + members.sorted { $0.key < $1.key }.map { "\(JSONValue.string($0.key).text) = \(literal($0.value))" }
        .joined(separator: ", ") + " }"
    default: value.text
    }
  }
}
