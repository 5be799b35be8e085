import Configuration
import GCP
import JSON
import Proxy
import Upstream

/// Passive health in Google's terms.
extension LoadBalancerTranslation {
  /// What Google is told where the file says something; nil leaves it as it is there.
  func outliers(_ service: Service) -> JSONValue? {
    let rule = service.rules.outlierDetection
    var usual = OutlierDetection()
    if service.kind.isModelServer { usual.consecutiveErrors = OutlierDetection.modelServerErrors }
    guard rule != usual, rule != .off else { return nil }
    guard !service.protocol.isPassage else {
      warn(
        service.origin, "Google has no outlier_detection for services that speak \(service.protocol.rawValue)"
      )
      return nil
    }
    if rule.latency != nil {
      error(
        service.origin, "Google compares no latencies of backends", "remove outlier_detection.latency")
    }
    if rule.maxEjectionTime != usual.maxEjectionTime {
      warn(
        service.origin, "outlier_detection.max_ejection_time is not carried over to Google, which has none")
    }
    func duration(_ span: Milliseconds) -> JSONValue {
      [
        "seconds": .string("\(span.count / 1000)"),
        "nanos": JSONValue(Int(clamping: span.count % 1000 * 1_000_000)),
      ]
    }
    func enforced(_ isOn: Bool) -> JSONValue { isOn ? 100 : 0 }
    var members: JSONValue = [
      "baseEjectionTime": duration(rule.baseEjectionTime), "interval": duration(rule.interval),
      "maxEjectionPercent": JSONValue(rule.maxEjectionPercent),
      "enforcingConsecutiveErrors": enforced(rule.consecutiveErrors > 0),
      "enforcingConsecutiveGatewayFailure": enforced(rule.consecutiveGatewayErrors > 0),
      "enforcingSuccessRate": enforced(rule.successRate != nil),
    ]
    if rule.consecutiveErrors > 0 { members["consecutiveErrors"] = JSONValue(rule.consecutiveErrors) }
    if rule.consecutiveGatewayErrors > 0 {
      members["consecutiveGatewayFailure"] = JSONValue(rule.consecutiveGatewayErrors)
    }
    if let rate = rule.successRate {
      members["successRateMinimumHosts"] = JSONValue(rate.minimumHosts)
      members["successRateRequestVolume"] = JSONValue(rate.requestVolume)
      members["successRateStdevFactor"] = JSONValue(rate.stdevFactor)
    }
    return members
  }
}
