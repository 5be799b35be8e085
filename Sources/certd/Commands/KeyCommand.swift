import APIKeys
import ArgumentParser
import Bytes
import Configuration
import FoundationEssentials
import OS
import PKI

struct KeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "Look after the API keys of those who may ask.",
    discussion: """
      Example: certd key create --group team --name alice --tokens-per-minute 200k

      Files have hashes only: a secret is shown once, when it is made. A running certd takes changes up within a second.
      """,
    subcommands: [
      KeyCreateCommand.self, KeyListCommand.self, KeyShowCommand.self, KeyRotateCommand.self,
      KeyRevokeCommand.self,
    ])
}

/// Which file of keys a command is about.
struct KeyOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Configuration file that names the groups of keys.")
  var config: String?

  @Option(help: "Group of keys (default: the only one that there is).")
  var group: String?

  @Option(help: "File of keys, in place of the one that the configuration names for the group.")
  var file: String?

  @Option(name: .shortAndLong, help: "Output: table, json or yaml.")
  var output: OutputFormat = .table

  /// The files that are meant: one for a group, or those of all groups.
  func editors() throws(SetupError) -> [KeyEditor] {
    if let file {
      guard let group else { throw .configuration("--file needs the group of its keys: add --group") }
      do throws(SystemError) {
        return [KeyEditor(file: try FileSystem().absolutePath(file), group: group)]
      } catch { throw .other("\(error)") }
    }
    let source = ConfigurationSource.usual(config, store: nil)
    guard case .file(let path, _) = source else {
      throw .configuration(
        "no configuration: neither certd.yaml here nor /etc/certd/certd.yaml is there; name one with --config, or a file of keys "
          + "with --file")
    }
    let all = try source.read().configuration.keyGroups
    let groups = all.compactMap { group in group.file.map { (name: group.name, file: $0.value) } }
    guard !groups.isEmpty else {
      throw .configuration("\(path): there are no groups of keys; write keys: {team: {file: keys}}")
    }
    guard let group else { return groups.map { KeyEditor(file: $0.file, group: $0.name) } }
    guard let found = groups.first(where: { $0.name == group }) else {
      throw .configuration(
        "\(path): there is no group \(group); known: \(groups.map(\.name).joined(separator: ", "))")
    }
    return [KeyEditor(file: found.file, group: found.name)]
  }

  /// The file of one group.
  func editor() throws(SetupError) -> KeyEditor {
    let all = try editors()
    guard all.count == 1, let one = all.first else {
      throw .configuration("there are several groups: add --group \(all.map(\.group).joined(separator: "|"))")
    }
    return one
  }

  /// The one key of that id or name.
  func find(_ text: String) throws(SetupError) -> (editor: KeyEditor, key: KeyRecord) {
    var found: [(KeyEditor, KeyRecord)] = []
    for editor in try editors() {
      found += try editor.read().keys.filter {
        $0.group == editor.group && ($0.id == text || $0.name == text)
      }
      .map { (editor, $0) }
    }
    let live = found.filter { $0.1.revoked == nil }
    if live.count == 1 { return live[0] }
    if found.count == 1 { return found[0] }
    guard let first = found.first(where: { $0.1.id == text }) else {
      throw .other(
        found.isEmpty
          ? "there is no key \(text)"
          : "several keys are called \(text): \(found.map(\.1.id).joined(separator: ", "))")
    }
    return first
  }
}

struct KeyCreateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Make a key; its secret is shown once.",
    discussion: """
      Example: certd key create --group team --name alice --models 'llama-*' --tokens-per-minute 200k \
      --requests-per-minute 60 --concurrent 8 --priority high --expires 90d

      Standard output has the secret and nothing else, unless JSON is asked for.
      """)

  @OptionGroup var options: KeyOptions
  @Option(help: "What the key is called.") var name: String
  @Option(help: "Models that it is for, as llama-3 or 'llama-*'; may be repeated (default: all).")
  var models: [String] = []
  @Option(name: .customLong("requests-per-minute"), help: "Requests in any 60 seconds.")
  var requestsPerMinute: String?
  @Option(name: .customLong("tokens-per-minute"), help: "Tokens in any 60 seconds, as 500, 200k or 1M.")
  var tokensPerMinute: String?
  @Option(name: .customLong("tokens-per-day"), help: "Tokens in a day of UTC.") var tokensPerDay: String?
  @Option(name: .customLong("tokens-per-month"), help: "Tokens in a month of UTC.")
  var tokensPerMonth: String?
  @Option(help: "Requests at once.") var concurrent: String?
  @Option(help: "How urgent its requests are: high, normal or low.") var priority = "normal"
  @Option(help: "After how long it ends, as 90d or 12h (default: never).") var expires: String?
  @Option(help: "Address or range that it is used from, as 10.0.0.0/8; may be repeated (default: any).")
  var addresses: [String] = []
  @Option(help: "Client certificate, as the access log calls it, that stands for the key beside its secret.")
  var certificate: String?

  func validate() throws {
    guard KeyRecord.isName(name), certificate.map(KeyRecord.isName) ?? true else {
      throw ValidationError("a name has 1 to \(KeyRecord.maximumNameBytes) characters, none of control")
    }
    for text in models where !ModelPatterns.isValid(text) {
      throw ValidationError("\(text) is no model: write a name, or a beginning such as 'llama-*'")
    }
    for text in addresses where AddressBlock(text) == nil {
      throw ValidationError("\(text) is no range of addresses: write 10.0.0.0/8 or 2001:db8::1")
    }
    for text in [requestsPerMinute, tokensPerMinute, tokensPerDay, tokensPerMonth, concurrent] {
      if let text, CountText.number(text) == nil {
        throw ValidationError("\(text) is no count: write a whole number from 1, such as 500, 200k or 1M")
      }
    }
    if let expires, SpanText.seconds(expires) == nil {
      throw ValidationError("\(expires) is no span of time: write 90d, 12h or 30m")
    }
    guard KeyPriority(word: priority) != nil else {
      throw ValidationError("\(priority) is no priority: write high, normal or low")
    }
    guard models.count <= KeyRecord.maximumEntries, addresses.count <= KeyRecord.maximumEntries else {
      throw ValidationError("at most \(KeyRecord.maximumEntries) models and addresses")
    }
  }

  func run() async throws {
    do throws(SetupError) {
      let editor = try options.editor()
      let secret = try NewSecret.make()
      var key = KeyRecord(
        id: NewSecret.identifier(), name: name, group: editor.group, sha256: try NewSecret.hash(secret))
      key.models = models
      key.addresses = addresses
      key.certificate = certificate
      key.limits.requestsPerMinute = requestsPerMinute.flatMap(CountText.number)
      key.limits.tokensPerMinute = tokensPerMinute.flatMap(CountText.number)
      key.limits.tokensPerDay = tokensPerDay.flatMap(CountText.number)
      key.limits.tokensPerMonth = tokensPerMonth.flatMap(CountText.number)
      key.limits.concurrent = concurrent.flatMap(CountText.number)
      key.priority = KeyPriority(word: priority) ?? .normal
      key.expires = expires.flatMap(SpanText.seconds).map { World.now() + $0 }
      key.created = World.now()
      try editor.edit { (list: inout KeyList) throws(SetupError) in
        guard list.keys.count < KeyList.maximumKeys else {
          throw .other("\(editor.file): there are \(KeyList.maximumKeys) keys already")
        }
        if let other = list.keys.first(where: {
          $0.name == key.name && $0.group == key.group && $0.revoked == nil
        }) {
          throw .other("there is a key of that name already: \(other.id); revoke it, or choose another name")
        }
        list.append(key)
      }
      try NewSecret.show(secret, key, options.output, "made for")
    } catch { throw Failure.exit(error) }
  }
}

/// Secrets on their one way out.
enum NewSecret {
  static func make() throws(SetupError) -> KeySecret {
    guard let secret = KeySecret(random: Random.bytes(KeySecret.randomBytes)) else {
      throw .other("the source of randomness gives nothing that could be a key")
    }
    return secret
  }

  static func hash(_ secret: KeySecret) throws(SetupError) -> String {
    guard let hash = secret.sha256 else { throw .other("SHA-256 cannot be computed") }
    return hash
  }

  static func identifier() -> String { "key_\(Hex.encode(Random.bytes(6)))" }

  static func show(
    _ secret: KeySecret, _ key: KeyRecord, _ format: OutputFormat, _ verb: String
  ) throws(SetupError) {
    if format.isForPrograms {
      do {
        return Output.line(try format.text(KeyDescription(key, secret: secret.text)))
      } catch { throw .other("\(error)") }
    }
    Output.line(secret.text)
    Output.error("\(key.id) was \(verb) \(key.name), group \(key.group); its secret is shown this once")
  }
}
