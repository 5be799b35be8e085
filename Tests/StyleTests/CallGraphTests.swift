import TestRun
import Testing

/// Who calls whom in a folder of sources, by name: good enough where names say one thing.
private struct CallGraph {
  private(set) var calls: [String: Set<String>] = [:]

  init(folder: String) {
    var bodies: [(name: String, body: Substring)] = []
    for (file, scrubbed) in SourceTree.code where file.path.hasPrefix(folder) {
      bodies += Self.functions(of: String(decoding: scrubbed.code, as: UTF8.self))
    }
    let names = Set(bodies.map(\.name))
    for (name, body) in bodies {
      calls[name, default: []].formUnion(Self.called(in: body).intersection(names))
    }
  }

  /// Each function with its body.
  private static func functions(of code: String) -> [(name: String, body: Substring)] {
    code.matches(of: /\bfunc\s+(\w+)/).compactMap { match in
      guard let start = code[match.range.upperBound...].firstIndex(of: "{"),
        // What a protocol asks for has no body.
        !code[match.range.upperBound..<start].contains("func ")
      else { return nil }
      var depth = 0
      for index in code[start...].indices {
        if code[index] == "{" { depth += 1 }
        if code[index] == "}" { depth -= 1 }
        if depth == 0 { return (String(match.1), code[start...index]) }
      }
      return nil
    }
  }

  /// What is called without an object before it, or on `self`.
  private static func called(in body: Substring) -> Set<String> {
    Set(body.matches(of: /(^|[^.\w]|self\.)(\w+)\(/).map { String($0.2) })
  }

  /// Sets of functions of which each reaches each other, those of one function left out.
  func circles() -> [[String]] {
    var reached: [String: Set<String>] = [:]
    for name in calls.keys {
      var seen: Set<String> = []
      var left = Array(calls[name] ?? [])
      while let next = left.popLast() {
        if seen.insert(next).inserted { left += calls[next] ?? [] }
      }
      reached[name] = seen
    }
    var circles: Set<[String]> = []
    for (name, seen) in reached where seen.contains(name) {
      let members = seen.filter { reached[$0]?.contains(name) == true }.sorted()
      if members.count > 1 { circles.insert(members) }
    }
    return Array(circles)
  }
}

@Suite(.ownThread) struct CallGraphTests {
  @Test("functions of the proxy call each other in no circle of more than three")
  func circles() {
    let graph = CallGraph(folder: "Sources/Proxy/")
    #expect(graph.calls.count > 200 && graph.calls["drive"]?.contains("decide") == true)
    for circle in graph.circles() { #expect(circle.count <= 3, "\(circle)") }
  }

  @Test("nobody but the slabs asks whether a slot is in use")
  func liveness() {
    for (file, scrubbed) in SourceTree.code where file.path.hasPrefix("Sources/") {
      guard !file.path.hasPrefix("Sources/EventLoop/") else { continue }
      #expect(!Search.has(".isLive", in: scrubbed.code), "\(file.path)")
    }
  }
}
