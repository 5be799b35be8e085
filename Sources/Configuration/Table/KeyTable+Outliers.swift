internal import Proxy
internal import Upstream

extension KeyTable {
  static let outliers: [Key] = [
    Key(
      "services.*.outlier_detection", .booleanOrSection, .described("`true`"),
      "Passive health, in Envoy's words: a backend whose answers to real requests fail in a row, or stand out among its service's, "
        + "gets none for a while. When connections to it failed, that ends at once with a health check that passes again."
    ),
    Key(
      \OutlierDetection.consecutiveErrors, "services.*.outlier_detection.consecutive_errors",
      .integer(0...1000),
      .described("5 for kinds that are model servers, else 0"),
      "Server errors in a row that eject a backend, 0 for none: statuses from 500 on but 501 and 505, which speak of the request, "
        + "and what `consecutive_gateway_errors` counts; Envoy calls it `consecutive_5xx`."),
    Key(
      \OutlierDetection.consecutiveGatewayErrors,
      "services.*.outlier_detection.consecutive_gateway_errors", .integer(0...1000),
      "Failures in a row, as a gateway would report them, that eject a backend, 0 for none: no connection, no response or a "
        + "broken one, 502, 503, 504, gRPC's UNAVAILABLE."),
    Key(
      \OutlierDetection.interval, "services.*.outlier_detection.interval",
      .duration(100...3_600_000, off: false),
      "How long requests are counted before `success_rate` and `latency` compare backends; and after each one without an "
        + "ejection the next ejection of a backend is shorter by one `base_ejection_time` again."),
    Key(
      \OutlierDetection.baseEjectionTime, "services.*.outlier_detection.base_ejection_time",
      .duration(100...3_600_000, off: false),
      "How long the first ejection lasts; each further one lasts as much longer."),
    Key(
      \OutlierDetection.maxEjectionTime, "services.*.outlier_detection.max_ejection_time",
      .duration(100...86_400_000, off: false),
      "No ejection lasts longer than this, or than `base_ejection_time` where that is longer."),
    Key(
      \OutlierDetection.maxEjectionPercent, "services.*.outlier_detection.max_ejection_percent",
      .integer(0...100),
      "At most this share of the backends is ejected at a time; the only backend never is."),
    Key(
      "services.*.outlier_detection.success_rate", .booleanOrSection, .described("`false`"),
      "Ejects backends that have answered fewer requests of an interval well than the service's others: by more than so many "
        + "standard deviations below the mean."),
    Key(
      \OutlierDetection.SuccessRate.minimumHosts,
      "services.*.outlier_detection.success_rate.minimum_hosts", .integer(1...1024),
      "How many backends must have had `request_volume` for any to be ejected."),
    Key(
      \OutlierDetection.SuccessRate.requestVolume,
      "services.*.outlier_detection.success_rate.request_volume", .integer(1...1_000_000),
      "Requests of an interval from which on a backend is compared."),
    Key(
      \OutlierDetection.SuccessRate.stdevFactor,
      "services.*.outlier_detection.success_rate.stdev_factor", .integer(100...10_000),
      "How many standard deviations, in thousandths."),
    Key(
      "services.*.outlier_detection.latency", .booleanOrSection, .described("`false`"),
      "Ejects backends whose answers begin late: whose median of an interval is so many times that of the service's others. An "
        + "answer that is no stream begins when it is done."),
    Key(
      \OutlierDetection.Latency.factor, "services.*.outlier_detection.latency.factor", .integer(2...100),
      "How many times."),
    Key(
      \OutlierDetection.Latency.minimumHosts, "services.*.outlier_detection.latency.minimum_hosts",
      .integer(2...1024), "How many backends must have had `request_volume` for any to be ejected."),
    Key(
      \OutlierDetection.Latency.requestVolume, "services.*.outlier_detection.latency.request_volume",
      .integer(1...1_000_000), "Requests of an interval from which on a backend is compared."),
    Key(
      \OutlierDetection.Latency.minimum, "services.*.outlier_detection.latency.minimum",
      .duration(1...3_600_000, off: false), "A median below this never stands out."),
  ]
}
