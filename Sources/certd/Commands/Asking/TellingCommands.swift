import ArgumentParser
import JSON

struct ReloadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload",
    abstract: "Have the running certd read its configuration again, and hear whether it did.",
    discussion: """
      Example: certd reload --config certd.yaml

      What SIGHUP does, with an answer. Exit status: 0 when it is in force; 1 when it was refused, and the old one goes on.
      """)

  @OptionGroup var options: AdminOptions

  func run() async throws {
    do throws(SetupError) {
      _ = try await AdminClient(options).ask("POST", "/reload")
      Output.line("the configuration was read again and is in force")
    } catch { throw Failure.exit(error) }
  }
}

struct UpgradeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "upgrade",
    abstract: "Have the program that stands at its path take the running certd's place; nobody is refused.",
    discussion: """
      Example: certd upgrade --config certd.yaml

      What SIGUSR2 does, with an answer. The new process gets the listening sockets, ticket keys and what was learnt of \
      backends; the old one ends when its exchanges have. Exit status: 0 when the new one serves; 1 when it does not, and \
      the old one goes on: its log says why.
      """)

  @OptionGroup var options: AdminOptions

  func run() async throws {
    do throws(SetupError) {
      let answer = try await AdminClient(options).ask("POST", "/upgrade")
      Output.line("process \(answer.cell("process")) serves; the one before ends when its exchanges have")
    } catch { throw Failure.exit(error) }
  }
}

struct DrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain",
    abstract: "Have the running certd say that it wants no new clients; it goes on serving.",
    discussion: """
      Example: certd drain --config certd.yaml
      Example: certd drain --undo

      GET /healthz of the admin API is 503 from then on, so that whoever balances over several machines looks elsewhere. \
      SIGTERM ends it afterwards.
      """)

  @OptionGroup var options: AdminOptions
  @Flag(help: "Say that new clients are wanted again.") var undo = false

  func run() async throws {
    do throws(SetupError) {
      let answer = try await AdminClient(options).ask("POST", "/drain", ["undo": .bool(undo)])
      Output.line(
        answer["draining"]?.bool == true
          ? "draining: /healthz says 503 from now on" : "not draining: /healthz says 200 from now on")
    } catch { throw Failure.exit(error) }
  }
}

struct LogCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "Change the log of the running certd.",
    discussion: "Example: certd log level debug", subcommands: [LogLevelCommand.self])
}

struct LogLevelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "level", abstract: "Give the log of the running certd another level, until its next reload.",
    discussion: "Example: certd log level debug")

  @Argument(help: "debug, info, warn or error.") var level: String
  @OptionGroup var options: AdminOptions

  func run() async throws {
    do throws(SetupError) {
      let answer = try await AdminClient(options).ask("PUT", "/log/level", ["level": .string(level)])
      Output.line("the level of the log is \(answer.cell("level")) until the next reload")
    } catch { throw Failure.exit(error) }
  }
}

struct BackendCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backend", abstract: "Look at the backends of the running certd, take one out, or weigh it.",
    discussion: """
      Example: certd backend drain chat 127.0.0.1:8000

      What is said here holds until certd ends, over reloads and upgrades.
      """,
    subcommands: [
      BackendListCommand.self, BackendDrainCommand.self, BackendUndrainCommand.self,
      BackendWeightCommand.self,
    ])

  static func tell(_ answer: JSONValue) {
    let backends = answer["backends"]?.elements ?? []
    guard !backends.isEmpty else { return Output.line("no backends") }
    Output.table(
      [["SERVICE", "BACKEND", "ADDRESS", "STATE", "WEIGHT", "REQUESTS", "CONNECTIONS", "WHY"]]
        + backends.map { one in
          ["service", "backend", "address", "state", "weight", "requests", "connections", "why"].map(one.cell)
        })
  }
}

struct BackendListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the backends with their health and why.",
    discussion: "Example: certd backend list -o yaml")

  @OptionGroup var options: AdminOptions
  @Option(name: .shortAndLong, help: "Output: table, json or yaml.") var output = OutputFormat.table

  func run() async throws {
    do throws(SetupError) {
      let answer = try await AdminClient(options).ask("GET", "/backends")
      output.print(answer["backends"] ?? []) { BackendCommand.tell(answer) }
    } catch { throw Failure.exit(error) }
  }
}

/// Which backend is meant.
struct BackendArguments: ParsableArguments {
  @Argument(help: "The service's name.") var service: String
  @Argument(help: "The backend, as certd backend list calls it.") var backend: String

  func path(_ verb: String) -> String {
    "/backends/\(PercentText.encode(service))/\(PercentText.encode(backend))/\(verb)"
  }
}

struct BackendDrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain", abstract: "Send no new requests to a backend; what runs there goes on.",
    discussion: "Example: certd backend drain chat 127.0.0.1:8000")

  @OptionGroup var which: BackendArguments
  @OptionGroup var options: AdminOptions

  func run() async throws {
    do throws(SetupError) {
      BackendCommand.tell(try await AdminClient(options).ask("POST", which.path("drain")))
    } catch { throw Failure.exit(error) }
  }
}

struct BackendUndrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "undrain", abstract: "Send requests to a backend again.",
    discussion: "Example: certd backend undrain chat 127.0.0.1:8000")

  @OptionGroup var which: BackendArguments
  @OptionGroup var options: AdminOptions

  func run() async throws {
    do throws(SetupError) {
      BackendCommand.tell(try await AdminClient(options).ask("POST", which.path("undrain")))
    } catch { throw Failure.exit(error) }
  }
}

struct BackendWeightCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "weight", abstract: "Give a backend another weight, or the configuration's again.",
    discussion: "Example: certd backend weight chat 127.0.0.1:8000 3")

  @OptionGroup var which: BackendArguments
  @Argument(help: "1 to 1000; without it the configuration's.") var weight: Int?
  @OptionGroup var options: AdminOptions

  func validate() throws {
    if let weight, !Daemon.weights.contains(weight) {
      throw ValidationError("\(weight) is no weight: write a whole number from 1 to 1000")
    }
  }

  func run() async throws {
    do throws(SetupError) {
      let body: JSONValue = .object(["weight": weight.map { JSONValue($0) } ?? .null])
      BackendCommand.tell(try await AdminClient(options).ask("POST", which.path("weight"), body))
    } catch { throw Failure.exit(error) }
  }
}
