import TestRun
import Testing
import Upstream

@Suite("Circuit breakers", .ownThread) struct CircuitBreakerTests {
  @Test("a limit lets so many in, counts whoever it keeps out, and lets in again when one has gone")
  func limit() {
    let state = ServiceState()
    #expect(state.begin(.requests, atMost: 2) && state.begin(.requests, atMost: 2))
    #expect(!state.begin(.requests, atMost: 2) && state.hits(.requests) == 1 && state.count(.requests) == 2)
    state.end(.requests)
    #expect(state.begin(.requests, atMost: 2) && state.hits(.requests) == 1)
    #expect(!state.begin(.retries, atMost: 0) && state.hits(.retries) == 1 && state.count(.pending) == 0)
    #expect(state.begin(.connections, atMost: nil) && state.count(.connections) == 1)
  }

  @Test("workers that ask at once never get more than there may be")
  func together() async {
    let state = ServiceState()
    let inside = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask {
          var most = 0
          for _ in 0..<2000 where state.begin(.requests, atMost: 3) {
            most = max(most, state.count(.requests))
            state.end(.requests)
          }
          return most
        }
      }
      return await group.reduce(0) { max($0, $1) }
    }
    #expect((1...3).contains(inside) && state.count(.requests) == 0)
  }

  @Test("any key sets them")
  func areSet() {
    var breakers = CircuitBreakers()
    #expect(!breakers.areSet)
    breakers.maxRetries = 0
    #expect(breakers.areSet && breakers[.retries] == 0 && breakers[.pending] == nil)
  }
}
