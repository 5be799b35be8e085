import Bytes
import Fleet
import TestRun
import TestSupport
import Testing

@Suite("Which generation is served", .ownThread) struct GenerationRuleTests {
  typealias Facts = GenerationRule.Facts

  private static func facts(_ number: Int?, _ leaf: String, _ begins: Int64) -> Facts {
    Facts(number: number, leaf: leaf, notBefore: UnixTime(seconds: begins * 100_000))
  }

  @Test(
    "a table of what a node does with what the fleet has",
    arguments: [
      (nil, facts(1, "b", 5), GenerationRule.Verdict.take),
      (facts(1, "a", 1), facts(2, "b", 5), .take),
      (facts(3, "a", 5), facts(2, "b", 1), .keep),
      (facts(3, "a", 1), facts(2, "b", 5), .take),
      (Facts(number: 1, leaf: "a", notBefore: UnixTime(seconds: 3600)), facts(2, "b", 0), .take),
      (Facts(number: 2, leaf: "a", notBefore: UnixTime(seconds: 0)), facts(1, "b", 0), .keep),
      (facts(3, "a", 1), facts(2, "a", 1), .same),
      (facts(nil, "a", 9), facts(2, "b", 5), .keep),
      (facts(nil, "a", 1), facts(2, "b", 5), .take),
      (facts(2, "a", 9), facts(2, "b", 5), .keep),
    ])
  func table(_ own: Facts?, _ shared: Facts, _ verdict: GenerationRule.Verdict) {
    #expect(GenerationRule.judge(own: own, shared: shared) == verdict)
  }

  @Test(
    "whatever is published, restored and lost, a node's generations never go back, and an offer is taken by all"
  )
  func walk() {
    var random = SeededGenerator(seed: 7)
    for _ in 0..<200 {
      var nodes: [Facts?] = [nil, nil, nil]
      var etcd: Facts?
      var snapshots: [Facts?] = [nil]
      var clock: Int64 = 0
      for _ in 0..<60 {
        clock += 1
        let node = Int.random(in: 0..<3, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0:  // A renewal by a node that has caught up, as a claim sees to.
          if let shared = etcd, GenerationRule.judge(own: nodes[node], shared: shared) == .take {
            nodes[node] = shared
          }
          let fresh = Facts(
            number: GenerationRule.next(own: nodes[node]?.number, shared: etcd?.number), leaf: "\(clock)",
            notBefore: UnixTime(seconds: clock * 100_000))
          (etcd, nodes[node]) = (fresh, fresh)
        case 1: snapshots.append(etcd)
        case 2: etcd = snapshots.randomElement(using: &random) ?? nil
        case 3:
          guard let shared = etcd else { continue }
          let before = nodes[node]
          if GenerationRule.judge(own: before, shared: shared) == .take { nodes[node] = shared }
          if let before, let after = nodes[node] {
            #expect(after.notBefore >= before.notBefore)
          }
        default:
          guard let own = nodes[node], GenerationRule.offers(own: own, shared: etcd) else { continue }
          etcd = Facts(
            number: GenerationRule.next(own: own.number, shared: etcd?.number), leaf: own.leaf,
            notBefore: own.notBefore)
        }
      }
    }
  }
}
