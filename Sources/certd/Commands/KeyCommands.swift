import APIKeys
import ArgumentParser
import Bytes
import Configuration

struct KeyListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the keys, of one group or of all.",
    discussion: "Example: certd key list --group team -o json")

  @OptionGroup var options: KeyOptions

  func run() async throws {
    var all: [KeyDescription] = []
    do throws(SetupError) {
      for editor in try options.editors() {
        let list = try editor.read()
        for problem in list.problems {
          Output.error("warning: \(editor.file):\(problem.line): \(problem.reason)")
        }
        all += list.keys.filter { $0.group == editor.group }.map { KeyDescription($0) }
      }
    } catch { throw Failure.exit(error) }
    if options.output.isForPrograms { return Output.line(try options.output.text(all)) }
    guard !all.isEmpty else { return Output.line("no keys") }
    func text(_ number: Int?) -> String { number.map { "\($0)" } ?? "-" }
    Output.table(
      [["ID", "NAME", "GROUP", "STATE", "REQUESTS/MIN", "TOKENS/MIN", "PRIORITY", "EXPIRES", "MODELS"]]
        + all.map {
          [
            $0.id, $0.name, $0.group, $0.state, text($0.requestsPerMinute), text($0.tokensPerMinute),
            $0.priority, $0.expires ?? "-", $0.models.isEmpty ? "all" : $0.models.joined(separator: ","),
          ]
        })
  }
}

struct KeyShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one key, but for its secret, which nobody has.",
    discussion: "Example: certd key show alice --group team")

  @Argument(help: "Id or name of the key.") var key: String
  @OptionGroup var options: KeyOptions

  func run() async throws {
    do throws(SetupError) {
      let description = KeyDescription(try options.find(key).key)
      guard options.output.isForPrograms else { return Output.table(description.rows) }
      do { Output.line(try options.output.text(description)) } catch { throw .other("\(error)") }
    } catch { throw Failure.exit(error) }
  }
}

struct KeyRotateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate", abstract: "Give a key a new secret, which is shown once.",
    discussion: "Example: certd key rotate alice --group team --grace 1h")

  @Argument(help: "Id or name of the key.") var key: String
  @Option(help: "How long the old secret is still taken, as 1h or 7d (default: not at all).")
  var grace: String?
  @OptionGroup var options: KeyOptions

  func validate() throws {
    if let grace, SpanText.seconds(grace) == nil {
      throw ValidationError("\(grace) is no span of time: write 1h, 30m or 7d")
    }
  }

  func run() async throws {
    do throws(SetupError) {
      let secret = try NewSecret.make()
      let hash = try NewSecret.hash(secret)
      let until = grace.flatMap(SpanText.seconds).map { World.now() + $0 }
      let changed = try options.change(key) { key throws(SetupError) in
        guard key.revoked == nil else { throw .other("\(key.id) is revoked; make another key") }
        key.previous = until.flatMap { until in key.sha256.map { ($0, until) } }
        key.sha256 = hash
      }
      try NewSecret.show(secret, changed, options.output, "rotated for")
    } catch { throw Failure.exit(error) }
  }
}

struct KeyRevokeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "End a key: what runs goes on, nothing new is answered.",
    discussion: "Example: certd key revoke alice --group team")

  @Argument(help: "Id or name of the key.") var key: String
  @OptionGroup var options: KeyOptions

  func run() async throws {
    do throws(SetupError) {
      let changed = try options.change(key) { $0.revoked = $0.revoked ?? World.now() }
      guard options.output.isForPrograms else {
        return Output.line("\(changed.id) (\(changed.name), group \(changed.group)) is revoked")
      }
      do { Output.line(try options.output.text(KeyDescription(changed))) } catch {
        throw .other("\(error)")
      }
    } catch { throw Failure.exit(error) }
  }
}

extension KeyOptions {
  /// Changes one key in its file; as it is afterwards.
  fileprivate func change(
    _ name: String, _ body: (inout KeyRecord) throws(SetupError) -> Void
  ) throws(SetupError) -> KeyRecord {
    let (editor, found) = try find(name)
    return try editor.edit { (list: inout KeyList) throws(SetupError) -> KeyRecord in
      // Another process may have been there in between.
      guard var key = list.keys.first(where: { $0.id == found.id }) else {
        throw .other("\(found.id) is not there any more")
      }
      try body(&key)
      _ = list.replace(key)
      return key
    }
  }
}
