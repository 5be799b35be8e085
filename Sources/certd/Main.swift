import ArgumentParser

@main
struct Certd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "certd")
  func run() async throws {}
}
