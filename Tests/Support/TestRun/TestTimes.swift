internal import CLinux
internal import OS
internal import Synchronization
internal import Testing

/// How long the body of each test has taken, told at the end of the process: not what the runner prints behind a name,
/// which counts from the beginning of the run, whenever the test has had its turn.
enum TestTimes {
  private static let shown = 20
  private static let taken = Mutex<[String: (nanoseconds: UInt64, cases: Int)]>([:])
  private static let table: Void = {
    atexit { TestTimes.tell() }
  }()

  /// Adds the time of a case.
  static func add(_ test: Test, _ nanoseconds: UInt64) {
    table
    // Without the file and the place in it.
    let name = "\(test.id)".split(separator: "/").dropLast().joined(separator: "/")
    taken.withLock { taken in
      let before = taken[name] ?? (0, 0)
      taken[name] = (before.nanoseconds + nanoseconds, before.cases + 1)
    }
  }

  /// Prints the slowest; all of them go to the file that `CERTD_TEST_TIMES` names.
  private static func tell() {
    let all = taken.withLock { $0.sorted { $0.value.nanoseconds > $1.value.nanoseconds } }
    let lines = all.map { name, value in
      let hundredths = value.nanoseconds / 10_000_000
      let time = "\(hundredths / 100).\(hundredths / 10 % 10)\(hundredths % 10) s"
      return String(repeating: " ", count: max(0, 10 - time.count)) + time
        + (value.cases == 1 ? "  " : "  \(value.cases) times ") + name
    }
    print("The slowest of \(all.count) tests, each by itself:")
    for line in lines.prefix(shown) { print(line) }
    guard let path = getenv("CERTD_TEST_TIMES").map({ String(cString: $0) }) else { return }
    try? FileSystem().publish(path, Array((lines.joined(separator: "\n") + "\n").utf8), mode: 0o644)
  }
}
