internal import Proxy
internal import Upstream

// When answers to real requests take backends out for a while.
extension Configuration {
  static func readOutliers(_ service: Section, _ kind: ServiceKind) -> OutlierDetection {
    let given = service.sectionOrSwitch("outlier_detection")
    if given == nil, service.has("outlier_detection") { return .off }
    let section = given ?? service.section("outlier_detection")
    var rule: OutlierDetection = section.settings()
    if !section.has("consecutive_errors"), kind.isModelServer {
      rule.consecutiveErrors = OutlierDetection.modelServerErrors
    }
    rule.successRate = section.sectionOrSwitch("success_rate").map { $0.settings() }
    rule.latency = section.sectionOrSwitch("latency").map { $0.settings() }
    if rule.maxEjectionTime < rule.baseEjectionTime, section.has("max_ejection_time") {
      section.report.error(
        section.origin(of: "max_ejection_time"), "is shorter than the first ejection",
        "make it longer than base_ejection_time, or remove it")
    }
    return rule
  }
}
