import ArgumentParser
import CertStore
import Configuration
import Fleet
import OS

struct FleetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fleet", abstract: "Several nodes that share certificates by an etcd.",
    discussion: """
      Example: certd fleet status --config certd.yaml

      Where etcd is, and what secrets are sealed with, stands in the section fleet of the configuration; docs/fleet.md \
      tells the whole.
      """,
    subcommands: [
      FleetStatusCommand.self, FleetJoinCommand.self, FleetLeaveCommand.self, FleetSealCommand.self,
      FleetBackupCommand.self, FleetRestoreCommand.self, FleetPushCommand.self, FleetHistoryCommand.self,
      FleetDiffCommand.self, FleetRollbackCommand.self,
    ])
}

/// The fleet that a configuration names.
struct FleetOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Configuration file.") var config: String?

  struct Found {
    let configuration: Configuration
    let settings: FleetSettings
    let keeper: FleetKeeper
  }

  func find() throws(SetupError) -> Found {
    let configuration = try ConfigurationSource.usual(config, store: nil).read().configuration
    guard let settings = configuration.fleet else {
      throw .configuration("\(configuration.file) has no section fleet")
    }
    return Found(
      configuration: configuration, settings: settings,
      keeper: FleetKeeper(
        try FleetMember.client(settings, configuration), Space(prefix: settings.prefix),
        try FleetMember.seal(settings, configuration)))
  }

  /// Does something with it, and ends the command with whatever goes wrong.
  func run(_ body: (Found) async throws -> Void) async throws {
    do { try await body(try find()) } catch let error as SetupError {
      throw Failure.exit(error)
    } catch let error as FleetError {
      throw Failure.exit(.other(error.description))
    } catch let error as SystemError {
      throw Failure.exit(.other("\(error)"))
    }
  }
}

struct FleetStatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show the nodes, and which of them serve something else than the fleet has.",
    discussion: "Example: certd fleet status --config certd.yaml")

  @OptionGroup var options: FleetOptions

  func run() async throws {
    try await options.run { fleet in
      let (nodes, certificates) = try await fleet.keeper.nodes()
      Output.line("\(certificates) certificates at \(fleet.settings.prefix), \(nodes.count) live nodes")
      if !nodes.isEmpty {
        Output.table(
          [["NODE", "CERTD", "SINCE", "SERVES", "BEHIND"]]
            + nodes.map { node in
              [
                node.name, node.version, node.since, "\(node.serves)",
                node.behind.isEmpty ? "-" : node.behind.prefix(10).joined(separator: " "),
              ]
            })
      }
      if nodes.contains(where: { !$0.behind.isEmpty }) { throw ExitStatus.failed }
    }
  }
}

struct FleetJoinCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "join", abstract: "Give the fleet what this machine's store has and it lacks.",
    discussion: """
      Example: certd fleet join --config certd.yaml

      Certificates, their keys and accounts at CAs, sealed. 'certd run' does the same when it starts; this is for a look \
      at what comes of it before.
      """)

  @OptionGroup var options: FleetOptions
  @Option(help: "Directory of the certificate store.") var store: String?

  func run() async throws {
    try await options.run { fleet in
      let configuration = fleet.configuration
      let store = try StoreLocation.open(store ?? configuration.store) { Output.error("certd: store: \($0)") }
      let loaded = Credentials.load(configuration)
      let managed = try ManagedCertificates.list(configuration, covered: { loaded.cover($0, besides: store) })
      let node = try await FleetMember.visit(configuration, managed, store) { Output.error("certd: \($0)") }
      for problem in await node?.offerAll() ?? [] { Output.error("certd: \(problem)") }
      await node?.stop()
      let (_, certificates) = try await fleet.keeper.nodes()
      Output.line("the fleet has \(certificates) certificates")
    }
  }
}

struct FleetLeaveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "leave", abstract: "End a node's lease at once, so that others take over from it.",
    discussion: """
      Example: certd fleet leave edge-3 --config certd.yaml

      For a node that is gone for good; a certd that is stopped leaves by itself, and one that runs comes back.
      """)

  @Argument(help: "The node's name; this one's where none is given.") var node: String?
  @OptionGroup var options: FleetOptions

  func run() async throws {
    try await options.run { fleet in
      let name = node ?? fleet.settings.node
      guard try await fleet.keeper.dismiss(name) else {
        throw SetupError.other("no live node is called \(name)")
      }
      Output.line("\(name) has left")
    }
  }
}

struct FleetSealCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seal", abstract: "The key that secrets are sealed with.",
    subcommands: [FleetSealRotateCommand.self])
}

struct FleetSealRotateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate", abstract: "Seal everything with the newest key.",
    discussion: """
      Example: certd fleet seal rotate --config certd.yaml

      First every node gets the new key as seal_key and the one before in old_seal_keys, and is started again; then this \
      command; then old_seal_keys can go.
      """)

  @OptionGroup var options: FleetOptions

  func run() async throws {
    try await options.run { fleet in
      let done = try await fleet.keeper.reseal()
      Output.line("\(done.changed) sealed anew, \(done.kept) were already")
    }
  }
}

struct FleetBackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Write everything that lasts into a file, sealed as it is.",
    discussion: "Example: certd fleet backup fleet.backup --config certd.yaml")

  @Argument(help: "The file, which is replaced.") var file: String
  @OptionGroup var options: FleetOptions

  func run() async throws {
    try await options.run { fleet in
      let (text, count) = try await fleet.keeper.backup()
      try FileSystem().publish(try FileSystem().absolutePath(file), text, mode: 0o600)
      Output.line("\(count) keys in \(file)")
    }
  }
}

struct FleetRestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Put a copy back: what etcd lacks, and certificates that are older there.",
    discussion: "Example: certd fleet restore fleet.backup --config certd.yaml")

  @Argument(help: "The file.") var file: String
  @OptionGroup var options: FleetOptions

  func run() async throws {
    try await options.run { fleet in
      let text = try FileSystem().read(
        try FileSystem().absolutePath(file), limitInBytes: FleetKeeper.maximumBackupInBytes,
        followingLinks: true)
      let done = try await fleet.keeper.restore(text)
      Output.line("\(done.written) keys written, \(done.kept) left as they are")
    }
  }
}
