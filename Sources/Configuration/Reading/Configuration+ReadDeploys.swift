internal import CertStore

extension Configuration {
  static func readDeploys(_ section: Section) -> [DeployAction] {
    (section.sections("deploy") ?? []).compactMap(readDeploy)
  }

  private static func readDeploy(_ section: Section) -> DeployAction? {
    let command = section.text("command", Word.line)
    let unit = section.text("reload", Word.unit)
    let copy = section.has("copy") ? readCopy(section.section("copy")) : nil
    let served = section.text("served_at", BackendText.server)
    let timeout: Duration? = section.read("timeout")
    let isOnce = section.boolean("once")
    let places = destinationKinds.filter(section.has)
    let destination = places.first.flatMap { readDestination($0, section) }
    let kinds = (["command", "copy", "reload", "served_at"].filter(section.has)) + places
    guard kinds.count == 1 else {
      section.report.error(
        section.origin,
        kinds.isEmpty ? "says nothing to do" : "says \(kinds.joined(separator: " and ")) at once",
        "write one of command, copy, reload, served_at, \(destinationKinds.joined(separator: ", ")) in each entry"
      )
      return nil
    }
    if section.has("timeout"), kinds != ["command"] {
      section.report.error(section.origin(of: "timeout"), "goes with a command only", "remove it")
    }
    if section.has("once"), kinds != ["command"] {
      section.report.error(section.origin(of: "once"), "goes with a command only", "remove it")
    }
    if case .tcp(let host, let port)? = served { return .proof(host: host, port: port) }
    if let destination { return .destination(destination) }
    let seconds =
      timeout.map { UInt32(clamping: $0.components.seconds) } ?? DeployAction.defaultTimeoutSeconds
    if isOnce, let command { return .commandOnce(text: command, timeoutSeconds: seconds) }
    return command.map { .command(text: $0, timeoutSeconds: seconds) } ?? unit.map { .reload(unit: $0) }
      ?? copy.map { .copy(files: $0) }
  }

  private static func readCopy(_ section: Section) -> FileCopies? {
    var files: FileCopies = section.settings()
    files.mode = section.text("mode", Word.mode)
    let paths = files.destinations
    guard !paths.isEmpty else {
      section.report.error(section.origin, "names no file", "write cert, chain, fullchain, key or combined")
      return nil
    }
    guard Set(paths).count == paths.count else {
      section.report.error(section.origin, "copies two things to one file", "name a file for each")
      return nil
    }
    return files
  }
}

extension Word {
  /// Permission bits in octal, without set-id and sticky bits.
  static func mode(_ text: String) throws(Invalid) -> UInt32 {
    guard (3...4).contains(text.utf8.count), let mode = UInt32(text, radix: 8), mode <= 0o777,
      !text.hasPrefix("+")
    else {
      throw Invalid("\(quoted(text)) are not permission bits", "write them in octal, for instance \"0640\"")
    }
    guard mode & 0o002 == 0 else { throw Invalid("\(quoted(text)) lets everybody write", "write \"0640\"") }
    return mode
  }

  /// The name of a systemd unit (systemd.unit(5)).
  static func unit(_ text: String) throws(Invalid) -> String {
    let allowed = text.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: ":-_.\\@".utf8.contains($0)
      }
    }
    guard allowed, !text.isEmpty, text.utf8.count < 256, !text.hasPrefix("-") else {
      throw Invalid("\(quoted(text)) is not the name of a systemd unit", "for instance nginx.service")
    }
    return text
  }
}
