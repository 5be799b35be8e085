internal import Proxy

extension KeyTable {
  /// What is done with requests besides passing them to a service.
  static let actions: [Key] = redirects + answers + rewrites + routeLimits

  private static let redirects: [Key] = [
    Key(
      "routes[].redirect", .section, .described("requests go to `service`"),
      "Sends clients elsewhere. What is not said stays as the request has it."),
    Key(
      \Settings.Redirect.scheme, "routes[].redirect.scheme", .choice(of: Settings.Redirect.Scheme.self),
      .described("the request's"), "Scheme of the other place; another one has its own port."),
    Key(
      \Settings.Redirect.host, "routes[].redirect.host", .text(.host), .described("the request's"),
      "Host of the other place."),
    Key(
      \Settings.Redirect.port, "routes[].redirect.port", .integer(1...65535), .described("the scheme's"),
      "Port of the other place."),
    Key(
      "routes[].redirect.path", .text(.requestPath), .described("the request's"),
      "Whole path, which may have variables of `paths` as `{path.NAME}`."),
    Key(
      "routes[].redirect.prefix", .text(.pathPrefix), .described("the request's"),
      "What the path begins with in place of what the route's one path begins with, `/old/*` for one."),
    Key(
      \Settings.Redirect.status, "routes[].redirect.status", .integer(301...308),
      "301, 302, 303, 307 or 308; with the last two method and content stay."),
    Key(
      \Settings.Redirect.stripQuery, "routes[].redirect.strip_query", .boolean,
      "Whether the query is left out."),
  ]

  private static let answers: [Key] = [
    Key(
      "routes[].respond", .section, .described("requests go to `service`"),
      "Answers without asking a backend: maintenance, `robots.txt`."),
    Key(
      \Settings.DirectAnswer.status, "routes[].respond.status", .integer(200...599), "The status."),
    Key(
      "routes[].respond.body", .text(.line), .described("nothing"), "The content; newlines may stand in it."),
    Key(
      "routes[].respond.file", .text(.path), .described("`body`"), "A file with the content, at most 32 KiB."),
    Key(
      "routes[].respond.content_type", .text(.fieldValue), .value(Settings.Page().contentType),
      "What the content is."),
    Key(
      \Settings.DirectAnswer.retryAfter, "routes[].respond.retry_after",
      .duration(1000...86_400_000, off: false),
      .described("not said"), "After how long it is worth asking again (`Retry-After`)."),
    Key(
      "routes[].errors", .named(of: .section, maximumCount: 64), .described("errors in JSON"),
      "Content of errors by status, as 502, in place of certd's own. Calls of gRPC have gRPC's errors."),
    Key(
      "routes[].errors.*.body", .text(.line), .described("nothing"), "The content; newlines may stand in it."),
    Key(
      "routes[].errors.*.file", .text(.path), .described("`body`"), "A file with the content, at most 32 KiB."
    ),
    Key(
      "routes[].errors.*.content_type", .text(.fieldValue), .value("text/html; charset=utf-8"),
      "What the content is."),
    Key(
      \Settings.RouteRules.interceptErrors, "routes[].intercept_errors", .boolean,
      "Whether answers of backends with a status of `errors` have that content too, and none of their fields."
    ),
  ]

  private static let rewrites: [Key] = [
    Key(
      "routes[].rewrite", .section, .described("backends get path and Host as they came"),
      "What backends get in place of the client's; see `strip_prefix` and `add_prefix` too."),
    Key(
      "routes[].rewrite.path", .text(.requestPath), .described("the client's"),
      "Whole path, which may have variables of `paths` as `{path.NAME}`. The query stays."),
    Key(
      "routes[].rewrite.prefix", .text(.pathPrefix), .described("the client's"),
      "What the path begins with in place of what the route's one path begins with, `/old/*` for one."),
    Key(
      "routes[].rewrite.host", .text(.host), .described("what the service says"),
      "The Host that backends get."),
  ]

  private static let routeLimits: [Key] = [
    Key("routes[].limits", .section, .described("none"), "How much clients may use."),
    Key(
      \Settings.RouteLimits.body, "routes[].limits.body", .size(1...(1 << 50)), .described("no limit"),
      "The most content of a request; more is answered with 413."),
    Key(
      \Settings.RouteLimits.requestsPerSecond, "routes[].limits.requests_per_second", .integer(1...10_000),
      .described("no limit"),
      "How many requests of one client may come in a second, at all workers of this machine together; others are answered "
        + "with 429 and `Retry-After`."),
    Key(
      \Settings.RouteLimits.burst, "routes[].limits.burst", .integer(1...100_000),
      .described("`requests_per_second`"), "How many may come at once after a pause."),
    Key(
      \Settings.RouteLimits.header, "routes[].limits.header", .text(.fieldName),
      .described("the client's address"),
      "A field that tells clients apart, one that somebody before certd sets; without it the address does."),
    Key("routes[].timeouts", .section, .described("the service's"), "Time limits in place of the service's."),
    Key(
      "routes[].timeouts.connect", .duration(10...600_000, off: false), .described("the service's"),
      "Until the connection stands."),
    Key(
      "routes[].timeouts.response_head", .duration(100...86_400_000, off: true), .described("the service's"),
      "From the end of the request to the response's head."),
    Key(
      "routes[].timeouts.first_byte", .duration(100...86_400_000, off: true), .described("the service's"),
      "From the head to the first byte of content."),
    Key(
      "routes[].timeouts.idle", .duration(100...86_400_000, off: true), .described("the service's"),
      "Between two bytes of content."),
    Key("routes[].retries", .section, .described("the service's"), "Retries in place of the service's."),
    Key(
      \Settings.ServiceOverrides.attempts, "routes[].retries.attempts", .integer(0...10),
      .described("the service's"), "Further attempts after the first."),
    Key(
      "routes[].retries.on", .list(of: .text(.retryCondition), maximumCount: RetryCondition.maximumCount),
      .described("the service's"), "After what a request is tried again."),
  ]
}
