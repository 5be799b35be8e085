import ArgumentParser
import Bytes
import Fleet
import OS

struct FleetPushCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "push", abstract: "Have every node that follows take a configuration file.",
    discussion: """
      Example: certd fleet push certd.yaml

      Every live node with fleet.follow looks at it before any takes it; one takes it first; where one cannot, all stay \
      with what they had.
      """)

  @Argument(help: "The file.") var file: String
  @Option(
    name: .shortAndLong, help: "Configuration file that names the fleet; the pushed one where none is given.")
  var config: String?

  func run() async throws {
    var options = FleetOptions()
    options.config = config ?? file
    try await options.run { fleet in
      let text = try FileSystem().read(
        try FileSystem().absolutePath(file), limitInBytes: FleetKeeper.maximumConfigurationInBytes,
        followingLinks: true)
      try await FleetPush.push(text, fleet.keeper)
    }
  }
}

enum FleetPush {
  static func push(_ text: [UInt8], _ keeper: FleetKeeper) async throws {
    let number = try await keeper.push(
      text, now: World.now(), sleep: { try await World.sleep(seconds: $0) }, progress: { Output.line($0) })
    Output.line("\(number): taken by all")
  }

  /// One of the configurations that were pushed.
  static func configuration(_ number: Int, _ keeper: FleetKeeper) async throws -> PushedConfiguration {
    let all = try await keeper.configurations().all
    guard let found = all.first(where: { $0.number == number }) else {
      let known = all.map { "\($0.number)" }.joined(separator: ", ")
      throw SetupError.other("there is no configuration \(number)\(known.isEmpty ? "" : ", only \(known)")")
    }
    return found
  }
}

struct FleetHistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Show the configurations that were pushed.",
    discussion: "Example: certd fleet history --config certd.yaml")

  @OptionGroup var options: FleetOptions

  func run() async throws {
    try await options.run { fleet in
      let (all, current) = try await fleet.keeper.configurations()
      guard !all.isEmpty else { return Output.line("nothing was pushed") }
      Output.table(
        [["NUMBER", "PUSHED", "BYTES", ""]]
          + all.map {
            ["\($0.number)", "\($0.at)", "\($0.text.count)", $0.number == current ? "current" : ""]
          })
    }
  }
}

struct FleetDiffCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Show how a file differs from what all nodes have, or from another that was pushed.",
    discussion: "Example: certd fleet diff certd.yaml --config certd.yaml")

  @Argument(help: "The file.") var file: String
  @Option(help: "The number of what it is compared with.") var with: Int?
  @OptionGroup var options: FleetOptions

  func run() async throws {
    try await options.run { fleet in
      guard let number = try await with == nil ? fleet.keeper.configurations().current : with else {
        throw SetupError.other("nothing was pushed")
      }
      let before = try await FleetPush.configuration(number, fleet.keeper)
      let text = try FileSystem().read(
        try FileSystem().absolutePath(file), limitInBytes: FleetKeeper.maximumConfigurationInBytes,
        followingLinks: true)
      let changes = Self.changes(from: before.text, to: text)
      changes.forEach(Output.line)
      if !changes.isEmpty { throw ExitStatus.failed }
    }
  }

  /// Lines that have gone and come, each with its number.
  static func changes(from before: [UInt8], to after: [UInt8]) -> [String] {
    func lines(_ text: [UInt8]) -> [String] {
      text.split(separator: 0x0A, omittingEmptySubsequences: false).map {
        String(decoding: $0, as: UTF8.self)
      }
    }
    struct Line {
      let place: Int
      let isNew: Bool
      let text: String
    }
    var found: [Line] = []
    for change in lines(after).difference(from: lines(before)) {
      switch change {
      case .remove(let offset, let line, _): found.append(Line(place: offset, isNew: false, text: line))
      case .insert(let offset, let line, _): found.append(Line(place: offset, isNew: true, text: line))
      }
    }
    found.sort { $0.place == $1.place ? !$0.isNew && $1.isNew : $0.place < $1.place }
    return found.map { "\($0.isNew ? "+" : "-")\($0.place + 1): \($0.text)" }
  }
}

struct FleetRollbackCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Push an earlier configuration again.",
    discussion: "Example: certd fleet rollback 3 --config certd.yaml")

  @Argument(help: "Its number.") var number: Int
  @OptionGroup var options: FleetOptions

  func run() async throws {
    try await options.run { fleet in
      try await FleetPush.push(try await FleetPush.configuration(number, fleet.keeper).text, fleet.keeper)
    }
  }
}
