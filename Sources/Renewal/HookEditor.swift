import Bytes
import FoundationEssentials
import DNS
import OS

/// Changes zones by an operator's program: `PROGRAM present` and `PROGRAM cleanup`, with one JSON document on standard
/// input.
public struct HookEditor: ZoneEditor {
  /// The program's path.
  public let program: String
  /// It is killed with its process group after this, in seconds.
  public let timeLimitSeconds: UInt32
  private let environment: [String: String]

  /// How long it may take unless told otherwise, in seconds.
  public static let defaultTimeLimitSeconds: UInt32 = 120

  /// An editor; the program gets `environment` and nothing else.
  public init(program: String, timeLimitSeconds: UInt32, environment: [String: String]) {
    self.program = program
    self.timeLimitSeconds = timeLimitSeconds
    self.environment = environment
  }

  /// What the program is told.
  struct Document: Encodable {
    /// The version of this form.
    var version = 1
    /// present or cleanup.
    let action: String
    /// What is validated; a wildcard begins with `*.`.
    let identifier: String
    /// The same without `*.`.
    let domain: String
    /// The name of the TXT record, its aliases followed.
    let record: String
    /// The zone that it is in, where that is known.
    let zone: String?
    /// Its value.
    let value: String
    /// Its time to live, in seconds.
    let ttl: UInt32
  }

  /// `PROGRAM present`.
  public func present(_ record: ValidationRecord) async throws { try await run("present", record) }

  /// `PROGRAM cleanup`.
  public func cleanup(_ record: ValidationRecord) async throws { try await run("cleanup", record) }

  private func run(_ action: String, _ record: ValidationRecord) async throws {
    let domain =
      record.identifier.hasPrefix("*.") ? String(record.identifier.dropFirst(2)) : record.identifier
    let document = Document(
      action: action, identifier: record.identifier, domain: domain, record: record.name.description,
      zone: record.zone?.description, value: record.value, ttl: record.ttl)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var variables = environment
    // By the environment, so that no path is ever read as shell.
    variables["CERTD_DNS_PROGRAM"] = program
    let outcome = try await Subprocess.shell(
      #"exec "$CERTD_DNS_PROGRAM" \#(action)"#, environment: variables,
      input: [UInt8](try encoder.encode(document)) + [0x0A], timeLimitInSeconds: timeLimitSeconds)
    if let why = Executor.failure(outcome, timeLimitSeconds) {
      throw HookFailure(description: "\(program) \(action): \(why)")
    }
  }

  private struct HookFailure: Error, CustomStringConvertible { let description: String }
}
