import ArgumentParser
import Configuration
import OS
import Telemetry

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Serve, obtain and renew certificates until stopped.",
    discussion: """
      Example: certd run --domain llm.example.com --backend http://127.0.0.1:8000 \
      --email ops@example.com --agree-tos

      With --ip ADDRESS in place of --domain a machine that has only an address gets HTTPS.

      SIGHUP reads the configuration again; SIGUSR1 opens the access log again; SIGUSR2 lets the program that stands \
      at its path by now take over without refusing a connection; SIGTERM stops accepting, lets exchanges finish up \
      to limits.drain_timeout, and exits with 0.
      """)

  @OptionGroup var options: ConfigurationOptions

  func run() async throws {
    let source = options.source()
    let launch = unsafe Main.launch
    do throws(SetupError) {
      let reading = try source.readToServe()
      let log = try Logging.make(reading.configuration.log)
      defer { log.flush(milliseconds: Logging.lastWordsMilliseconds) }
      let daemon = try await Daemon(source: source, reading: reading, launch: launch, log: log)
      await daemon.run()
    } catch { throw Failure.exit(error) }
  }
}

/// Ends a command with an error.
enum Failure {
  /// Tells the error and gives the exit status that belongs to it.
  static func exit(_ error: SetupError) -> ExitCode {
    Output.error("certd: \(error)".replacing("\n", with: "\ncertd: "))
    switch error {
    case .configuration: return ExitStatus.configuration
    case .other: return ExitStatus.failed
    }
  }
}

/// The daemon's log.
enum Logging {
  /// How long the end waits for a log whose reader stands still, in milliseconds.
  static let lastWordsMilliseconds = 1000

  /// To standard error, by a queue: a reader that stands still stops nobody.
  static func make(_ settings: LogSettings) throws(SetupError) -> Log {
    do throws(SystemError) {
      return try Log.queued(descriptor: 2, format: format(settings), level: settings.level)
    } catch { throw .other("the log could not be started: \(error)") }
  }

  /// Where the access log goes: to the journal with a field for everything, where standard output is it.
  static func access(_ settings: LogSettings) -> AccessSettings? {
    guard var access = settings.access else { return nil }
    if access.destination == .descriptor(1), let name = Sys.streamName(1),
      name == Subprocess.inheritedEnvironment()["JOURNAL_STREAM"]
    {
      access.destination = .journal(journalSocket)
    }
    return access
  }

  /// The journal's socket.
  static let journalSocket = "/run/systemd/journal/socket"

  /// Text on a terminal and JSON elsewhere, unless the configuration says otherwise.
  static func format(_ settings: LogSettings) -> Log.Format {
    let noColour = !(Subprocess.inheritedEnvironment()["NO_COLOR"] ?? "").isEmpty
    return switch settings.format {
    case .auto: Log.automaticFormat(descriptor: 2, noColour: noColour)
    case .text: .text(colour: false)
    case .json: .json
    }
  }
}
