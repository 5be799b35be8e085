import CLinux
import OS
import TestRun
import Testing

@Suite(.ownThread) struct SubprocessTests {
  private func run(
    _ command: String, _ environment: [String: String] = [:], limit: UInt32 = 60
  ) async throws -> Subprocess.Outcome {
    try await Subprocess.shell(command, environment: environment, timeLimitInSeconds: limit)
  }

  @Test("output, errors and status of a command come back")
  func outcome() async throws {
    let outcome = try await run("echo out; echo err >&2; exit 3")
    #expect(outcome.ending == .exited(3))
    #expect(String(decoding: outcome.output, as: UTF8.self) == "out\nerr\n")
  }

  @Test("a command sees the given environment and an empty standard input")
  func environment() async throws {
    let outcome = try await run("cat; printf %s \"$WHO\"", ["WHO": "a b"])
    #expect(String(decoding: outcome.output, as: UTF8.self) == "a b")
    #expect(outcome.ending == .exited(0))
  }

  @Test("a command inherits no descriptor beyond the three")
  func descriptors() async throws {
    let leaked = certd_fcntl(2, F_DUPFD, 50)
    defer { close(leaked) }
    let outcome = try await run("test -e /proc/$$/fd/2 && ! test -e /proc/$$/fd/\(leaked)")
    #expect(leaked >= 50 && outcome.ending == .exited(0))
  }

  @Test("a command that runs out of time is killed with its children")
  func timeLimit() async throws {
    let outcome = try await run("echo started; sleep 1000 & wait", ["PATH": "/usr/bin:/bin"], limit: 1)
    #expect(outcome.ending == .timedOut)
    #expect(String(decoding: outcome.output, as: UTF8.self) == "started\n")
  }

  @Test("what a command leaves running is not waited for")
  func background() async throws {
    let outcome = try await run("sleep 5 & echo done", ["PATH": "/usr/bin:/bin"])
    #expect(outcome.ending == .exited(0))
    #expect(String(decoding: outcome.output, as: UTF8.self) == "done\n")
  }

  @Test("a command reads what it is given, up to what a pipe holds, and then its end")
  func input() async throws {
    for count in [1, 4096, Subprocess.maximumInputInBytes] {
      let outcome = try await Subprocess.shell(
        "wc -c", environment: ["PATH": "/usr/bin:/bin"], input: [UInt8](repeating: 0x61, count: count),
        timeLimitInSeconds: 60)
      #expect(String(decoding: outcome.output, as: UTF8.self) == "\(count)\n")
    }
    let tooLong = [UInt8](repeating: 0x61, count: Subprocess.maximumInputInBytes + 1)
    await #expect(throws: SystemError.self) {
      try await Subprocess.shell("cat", environment: [:], input: tooLong, timeLimitInSeconds: 60)
    }
  }

  @Test("of output beyond the limit the end is kept")
  func bounded() async throws {
    let outcome = try await run("yes | head -c 1000000; echo the end; exit 7", ["PATH": "/usr/bin:/bin"])
    #expect(String(decoding: outcome.output, as: UTF8.self).hasSuffix("\nthe end\n"))
    #expect(outcome.ending == .exited(7))
    #expect(outcome.output.count == Subprocess.maximumOutputInBytes)
    #expect(outcome.isTruncated)
  }

  @Test("a signal is told apart from a status")
  func signalled() async throws {
    #expect(try await run("kill -9 $$").ending == .signalled(9))
  }
}
