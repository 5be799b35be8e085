import Testing

/// Lets only a few of the tests that start programs run at a time: all at once would only wait for each other.
struct FewAtATime: TestTrait, SuiteTrait, TestScoping {
  private static let places = Places(4)

  var isRecursive: Bool { true }

  func scopeProvider(for test: Test, testCase: Test.Case?) -> FewAtATime? {
    testCase == nil ? nil : self
  }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    await Self.places.take()
    let result: Result<Void, any Error>
    do { result = .success(try await function()) } catch { result = .failure(error) }
    await Self.places.giveBack()
    try result.get()
  }
}

extension Trait where Self == FewAtATime {
  /// Starts programs.
  static var fewAtATime: FewAtATime { FewAtATime() }
}

/// So many places, taken in the order of arrival.
private actor Places {
  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ count: Int) { free = count }

  func take() async {
    if free > 0 {
      free -= 1
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }

  func giveBack() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
  }
}
