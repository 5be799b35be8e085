import Bytes
import CertStore
import Renewal
import Telemetry

// What CAs suggest and allow, and how far deployments lag behind, for Prometheus.
extension Daemon {
  private typealias Sample = MetricsText.Sample

  /// What the store says of renewals: it is read once a minute, however often somebody asks.
  struct Outlook {
    /// When it was read.
    var at: UnixTime
    /// The use of each limit of a CA.
    var usages: [Forecast.Usage] = []
    /// The windows that CAs have suggested (RFC 9773).
    var windows: [(name: String, start: UnixTime, end: UnixTime)] = []
  }

  /// How old an outlook may be, in seconds.
  static let outlookSeconds: Int64 = 60

  /// What is known of renewals to come.
  func outlooks(_ out: inout MetricsText) async {
    let now = World.now()
    if outlook.map({ now - $0.at >= Self.outlookSeconds || now < $0.at }) ?? true {
      var fresh = Outlook(at: now)
      fresh.usages = (try? await plan.executor.forecast(plan.managed, seconds: 0))?.usages ?? []
      for certificate in plan.managed {
        guard let record = store.renewalRecord(certificate.name), let start = record.windowStart,
          let end = record.windowEnd
        else { continue }
        fresh.windows.append(("\(certificate.name)", start, end))
      }
      outlook = fresh
    }
    guard let known = outlook else { return }
    func windows(_ value: ((name: String, start: UnixTime, end: UnixTime)) -> UnixTime) -> [Sample] {
      known.windows.map { Sample(["name": $0.name], Double(value($0).seconds)) }
    }
    out.family(
      "certd_certificate_renewal_window_start_timestamp_seconds", .gauge,
      "When the window begins in which a certificate's CA suggests to renew it.", windows(\.start))
    out.family(
      "certd_certificate_renewal_window_end_timestamp_seconds", .gauge,
      "When the window ends in which a certificate's CA suggests to renew it.", windows(\.end))
    func usages(_ value: (Forecast.Usage) -> Int) -> [Sample] {
      known.usages.map {
        Sample(["issuer": $0.issuer, "limit": $0.limit.subject.rawValue], Double(value($0)))
      }
    }
    out.family(
      "certd_ca_limit", .gauge, "What a CA allows in a window of its own, as it has published.",
      usages(\.limit.most))
    out.family(
      "certd_ca_limit_used", .gauge, "What counts for a limit of a CA now, of what comes closest to it.",
      usages(\.now))
  }

  /// For how long deployments of the present certificates have waited.
  func lags(_ out: inout MetricsText, _ waiting: [DeployTask], _ now: UnixTime) {
    var oldest: [String: (name: String, action: String, at: UnixTime)] = [:]
    for task in waiting {
      let key = "\(task.name)\u{0}\(task.action.summary)"
      if let known = oldest[key], known.at < task.queuedAt { continue }
      oldest[key] = (task.name, task.action.summary, task.queuedAt)
    }
    out.family(
      "certd_deploy_lag_seconds", .gauge, "For how long a deployment that waits has not been carried out.",
      oldest.sorted { $0.key < $1.key }.map {
        Sample(["name": $0.value.name, "action": $0.value.action], Double(max(0, now - $0.value.at)))
      })
  }
}
