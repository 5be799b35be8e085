import ArgumentParser
import JSON

/// How a command prints what it has found.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  /// Lines and tables, for people.
  case table
  case json
  case yaml

  /// `text` has been said for `table`, and still may.
  init?(argument: String) {
    guard let format = OutputFormat(rawValue: argument == "text" ? "table" : argument) else { return nil }
    self = format
  }

  /// Whether a program reads it: nothing else may be on standard output then.
  var isForPrograms: Bool { self != .table }

  /// A value as JSON, or as YAML.
  func text(_ value: JSONValue) -> String { self == .yaml ? value.yaml : value.indentedText }

  /// The same of what is encoded.
  func text(_ value: some Encodable) throws -> String {
    let json = try CertificateDescription.json(value)
    return self == .yaml ? try JSONValue(parsing: json.utf8).yaml : json
  }

  /// Prints a value, or calls for the table.
  func print(_ value: JSONValue, table: () -> Void) {
    if isForPrograms { Output.line(text(value)) } else { table() }
  }
}
