import Configuration
import Proxy

/// The tests that stand in the configuration.
enum RouteTests {
  /// The most failures that are told at once.
  static let maximumTold = 50

  /// Throws every failure, each with its line.
  static func run(_ configuration: Configuration, _ settings: Proxy.Settings) throws(SetupError) {
    guard !configuration.tests.isEmpty else { return }
    let trial = RouteTrial(settings)
    var failures: [String] = []
    for test in configuration.tests {
      var question = RouteQuestion(method: test.method, host: test.host, target: test.target)
      question.fields = test.headers
      question.client = test.client
      let verdict = trial.verdict(on: question, isSecure: test.isSecure)
      guard !meets(verdict, test.expectation) else { continue }
      let problem = configuration.error(
        at: test.origin, "\(test.request) \(words(verdict, configuration)), not \(words(test.expectation))")
      failures.append(problem.description)
    }
    guard !failures.isEmpty else { return }
    let more = failures.count > maximumTold ? ["and \(failures.count - maximumTold) more tests fail"] : []
    throw .configuration((failures.prefix(maximumTold) + more).joined(separator: "\n"))
  }

  private static func meets(_ verdict: RouteTrial.Verdict, _ expected: RouteTest.Expectation) -> Bool {
    switch (verdict, expected) {
    case (.services(let names, _), .service(let name)): names.contains(name)
    case (.answer(let status, _), .status(let wanted)), (.redirect(_, let status, _), .status(let wanted)):
      status == wanted
    case (.redirect(let url, _, _), .redirect(let wanted)): url == wanted
    case (.malformed, .status(let wanted)): wanted == 400
    default: false
    }
  }

  private static func words(_ expected: RouteTest.Expectation) -> String {
    switch expected {
    case .service(let name): "to service \(name)"
    case .status(let status): "answered with \(status)"
    case .redirect(let url): "redirected to \(url)"
    }
  }

  private static func words(_ verdict: RouteTrial.Verdict, _ configuration: Configuration) -> String {
    func place(_ route: Int?) -> String {
      guard let route, configuration.routes.indices.contains(route) else { return "no route is for it" }
      let origin = configuration.routes[route].origin
      return "by \(origin.path) in line \(origin.position.line)"
    }
    return switch verdict {
    case .services(let names, let route): "goes to service \(names.first ?? "") (\(place(route)))"
    case .answer(let status, let route): "is answered with \(status) (\(place(route)))"
    case .redirect(let url, let status, let route): "is redirected to \(url) with \(status) (\(place(route)))"
    case .malformed: "is no request that could come"
    }
  }
}
