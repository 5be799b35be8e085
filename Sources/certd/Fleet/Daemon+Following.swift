import Configuration
import Fleet
import OS
import Proxy
import Telemetry

// Configurations that are pushed to all nodes of a fleet.
extension Daemon {
  /// What a turn asks of this node.
  func follow(_ turn: ConfigurationTurn, _ text: [UInt8]) async {
    guard let fleet, case .file(let path, _) = source else { return }
    let own = try? FileSystem().read(
      path, limitInBytes: ConfigurationSource.maximumFileBytes, followingLinks: true)
    switch turn.stage {
    case .check: await fleet.say(own == text ? .taken : await look(text, path), of: turn.number)
    case .canary where turn.canary != plan.configuration.fleet?.node: break
    case .canary, .all:
      let word = own == text ? .taken : await take(text, own, path)
      await fleet.say(word, of: turn.number)
      guard own != text else { return }
      if case .refused(let why) = word {
        log.error(
          "a pushed configuration is refused", ["number": .number(turn.number), "reason": .text(why)])
      } else {
        log.info("a pushed configuration is taken up", ["number": .number(turn.number)])
      }
    case .back:
      guard own == text, let before = fileBefore else { return }
      _ = await take(before, nil, path)
      log.warn("a pushed configuration is taken back", ["number": .number(turn.number)])
    }
  }

  /// Whether this node could serve by a text, as far as that can be told beforehand.
  private func look(_ text: [UInt8], _ path: String) async -> ConfigurationWord {
    let aside = path + ".pushed"
    defer { try? FileSystem().unlink(aside) }
    do {
      try FileSystem().publish(aside, text, mode: Self.configurationMode)
      let configuration = try ConfigurationSource.file(aside, store: nil).readToServe().configuration
      guard configuration.fleet?.node == plan.configuration.fleet?.node else {
        return .refused(
          "fleet.node would be \(configuration.fleet?.node ?? "nothing"); write a variable such as ${HOSTNAME}"
        )
      }
      let loaded = try Credentials.load(configuration).whole()
      _ = try ManagedCertificates.list(configuration, covered: { loaded.cover($0, besides: store) })
      _ = try await ProxySettings(configuration: configuration, backends: BackendRegistry { _ in }).make()
      try IssuerFactory.checkFiles(configuration)
      try FleetMember.check(configuration)
      return .fit
    } catch { return .refused("\(error)".replacing(aside, with: path)) }
  }

  private static let configurationMode: UInt32 = 0o600

  /// Puts a text in the file's place and reads it; where that is refused, the file is as it was.
  private func take(_ text: [UInt8], _ own: [UInt8]?, _ path: String) async -> ConfigurationWord {
    let fs = FileSystem()
    do throws(SystemError) {
      let mode = (try? fs.status(path, followingLinks: true))?.mode ?? Self.configurationMode
      try fs.publish(path, text, mode: mode)
      await reload()
      guard let refusal else {
        if let own { fileBefore = own }
        return .taken
      }
      if let own { try fs.publish(path, own, mode: mode) }
      return .refused(refusal)
    } catch { return .refused("\(error)") }
  }
}
