import ArgumentParser
import Configuration
import JSON
import OS

struct ExplainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Ask the running certd where a request would go now, and why.",
    discussion: """
      Example: certd explain --model llama-3 --prompt-file prompt.txt
      Example: certd explain GET https://llm.example.com/docs/ -H 'X-Session-Id: 7'

      The code that sends requests is asked, with what it knows at this moment; nothing is sent, charged or remembered. A \
      prompt file that is a whole JSON request is taken as it is. Prompts are neither logged nor shown.
      """)

  @OptionGroup var options: AdminOptions
  @Argument(help: "Method and URL of a request without content, as GET https://host/path.")
  var request: [String] = []
  @Option(help: "Model that is asked for.") var model: String?
  @Option(name: .customLong("prompt-file"), help: "File with the prompt, '-' for standard input.")
  var promptFile: String?
  @Option(help: "Host of the request (default: the first of the configuration's routes).") var host: String?
  @Option(help: "Path of the request.") var path: String?
  @Option(name: [.customShort("H"), .customLong("header")], help: "Field of the request, as 'Name: value'.")
  var header: [String] = []
  @Option(help: "Address of the client, for policies that go by it.") var client: String?
  @Option(name: .customLong("key-id"), help: "Id or name of an API key, to see what limits hold for it.")
  var keyID: String?
  @Option(name: .shortAndLong, help: "Output: table, json or yaml.") var output = OutputFormat.table

  /// The longest file of a prompt, in bytes.
  static let maximumPromptBytes = 4 << 20

  func validate() throws {
    guard request.isEmpty || request.count == 2 else {
      throw ValidationError("write a method and a URL, as GET https://llm.example.com/path, or --model")
    }
    if request.isEmpty, model == nil, promptFile == nil, path == nil, host == nil {
      throw ValidationError("name what is asked for: --model, or a method and a URL")
    }
    if !request.isEmpty, model != nil || promptFile != nil || host != nil || path != nil {
      throw ValidationError("a URL says host and path; --model and --prompt-file make a request of their own")
    }
    for field in header where !field.contains(":") || field.hasPrefix(":") {
      throw ValidationError("\(field) is no field: write 'Name: value'")
    }
  }

  func run() async throws {
    do throws(SetupError) {
      let answer = try await AdminClient(options).ask("POST", "/explain", try question())
      output.print(answer) { Self.tell(answer) }
    } catch { throw Failure.exit(error) }
  }

  private func question() throws(SetupError) -> JSONValue {
    var out: JSONValue = [:]
    if request.count == 2 {
      out["method"] = .string(request[0].uppercased())
      let (host, path) = try Self.parts(request[1])
      (out["host"], out["path"]) = (.string(host), .string(path))
    }
    if let host { out["host"] = .string(host) }
    if let path { out["path"] = .string(path) }
    if let model { out["model"] = .string(model) }
    if let client { out["client"] = .string(client) }
    if let keyID { out["key_id"] = .string(keyID) }
    if let promptFile { try read(promptFile, into: &out) }
    for field in header {
      let name = field.prefix { $0 != ":" }
      let value = field.dropFirst(name.count + 1).drop { $0 == " " }
      var headers = out["headers"] ?? [:]
      headers[String(name)] = .string(String(value))
      out["headers"] = headers
    }
    return out
  }

  /// Host and path of a URL.
  private static func parts(_ url: String) throws(SetupError) -> (host: String, path: String) {
    guard let scheme = ["https://", "http://"].first(where: { url.lowercased().hasPrefix($0) }) else {
      throw .other("\(url) is no URL: write https://host/path")
    }
    let rest = url.dropFirst(scheme.count)
    let host = rest.prefix { $0 != "/" && $0 != "?" }
    guard !host.isEmpty else { throw .other("\(url) has no host: write https://host/path") }
    let path = rest.dropFirst(host.count)
    // Which port it is for counts where routes go by that.
    let isPlain = scheme == "http://" && !(host.contains(":") && !host.hasSuffix("]"))
    return (isPlain ? "\(host):80" : String(host), path.hasPrefix("/") ? String(path) : "/\(path)")
  }

  private func read(_ file: String, into out: inout JSONValue) throws(SetupError) {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes =
        file == "-"
        ? try FileSystem().read("/dev/stdin", limitInBytes: Self.maximumPromptBytes, followingLinks: true)
        : try FileSystem().read(file, limitInBytes: Self.maximumPromptBytes, followingLinks: true)
    } catch { throw .other("\(error)") }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .other("\(file) is no text in UTF-8")
    }
    let whole = try? JSONValue(parsing: bytes)
    if let whole, ["messages", "prompt", "input", "inputs"].contains(where: { whole[$0] != nil }) {
      out["body"] = .string(text)
      if let model = whole["model"]?.string, out["model"] == nil { out["model"] = .string(model) }
      if out["path"] == nil { out["path"] = "/v1/chat/completions" }
    } else {
      out["prompt"] = .string(text)
    }
  }
}

extension ExplainCommand {
  static func tell(_ answer: JSONValue) {
    if let route = answer["route"] {
      let hosts = route["hosts"]?.strings.joined(separator: ", ") ?? ""
      let paths = route["paths"]?.strings ?? []
      let shown = paths.isEmpty || paths == ["/*"] ? "every path" : paths.joined(separator: ", ")
      Output.line("route \(route.cell("number")): \(hosts), \(shown)")
      let match = route["match"]?.string ?? ""
      Output.line("  line \(route.cell("line"))\(match.isEmpty ? "" : "; where \(match)")")
      if route["asks_for_key"]?.bool == true { Output.line("  it answers only who shows a key") }
    }
    if let model = answer["model"]?.string {
      let line = answer["model_line"].map { ", line '\($0.cell)' of its models" } ?? ""
      Output.line("model \(model)\(line), told by the request's \(answer.cell("model_from"))")
    }
    if let tokens = answer["prompt_tokens"] { Output.line("prompt: about \(tokens.cell) tokens") }
    if let refusal = answer["refusal"] {
      Output.line("answered \(refusal.cell("status")) (\(refusal.cell("code"))): \(refusal.cell("message"))")
    }
    for (place, service) in (answer["services"]?.elements ?? []).enumerated() {
      let role = place == 0 ? "service" : "where that has no answer: service"
      let alias = service["engine_model"].map { ", as model '\($0.cell)'" } ?? ""
      Output.line(
        "\(role) \(service.cell("name")) (\(service.cell("kind"))), policy \(service.cell("policy"))\(alias)")
      if let queue = service["queue"] {
        Output.line(
          "  at most \(service.cell("max_requests_per_backend")) requests a backend; \(queue.cell("waiting")) of "
            + "\(queue.cell("size")) wait")
      }
      let choice = service["choice"]?.string
      Output.line("  \(choice.map { "to \($0): " } ?? "")\(service.cell("reason"))")
      table(service["backends"]?.elements ?? [], choice)
    }
    if let key = answer["key"] { tell(key: key) }
  }

  private static func table(_ backends: [JSONValue], _ choice: String?) {
    let optional = [("expected_wait_ms", "WAIT MS"), ("latency_ms", "LATENCY MS")].filter { name, _ in
      backends.contains { $0[name] != nil }
    }
    var rows = [
      ["", "BACKEND", "STATE", "WEIGHT", "REQUESTS", "TOKENS IN FLIGHT", "TOKENS/S", "KNOWN TOKENS", "ROOM"]
        + optional.map(\.1)
    ]
    for one in backends {
      var state = one.cell("state")
      if state == "ejected" { state += " \(one.cell("ejected_ms")) ms" }
      if state == "slow start" { state += " \(one.cell("warmth_percent"))%" }
      if one["may_have_model"]?.bool == false { state += ", does not list the model" }
      rows.append(
        [
          one["backend"]?.string == choice ? "  *" : "", one.cell("backend"), state, one.cell("weight"),
          one.cell("requests"), one.cell("tokens_in_flight"), one.cell("tokens_per_second"),
          one.cell("known_tokens"), one.cell("has_room"),
        ] + optional.map { one.cell($0.0) })
    }
    Output.table(rows)
  }

  private static func tell(key: JSONValue) {
    Output.line("key \(key.cell("id")), group \(key.cell("group")), priority \(key.cell("priority"))")
    for (name, title) in [("limits", "its own"), ("group_limits", "its group's")] {
      for (limit, value) in (key[name]?.members ?? [:]).sorted(by: { $0.key < $1.key }) {
        let left = value["left"].map { ", \($0.cell) left" } ?? ""
        Output.line("  \(title) \(limit): \(value.cell("limit"))\(left)")
      }
    }
    for refusal in key["refusals"]?.strings ?? [] { Output.line("  refused: \(refusal)") }
  }
}
