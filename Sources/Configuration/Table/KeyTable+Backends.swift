internal import Proxy
internal import Upstream

extension KeyTable {
  static let affinity: [Key] = [
    Key(
      "services.*.affinity", .choiceOrSection(["address", "key"]), .described("none"),
      "What keeps a client at a backend for as long as that may get requests and has room, whatever `policy` says: its `address`, the "
        + "API `key` that it shows, or a section. Each client has an order of its own of the backends, so that few move when one "
        + "comes or goes."),
    Key(
      "services.*.affinity.cookie", .text(.fieldName), .described("none"),
      "A cookie of this name, which certd sets (`HttpOnly; Secure; SameSite=Lax`) when the backend is another one than it says. It "
        + "holds a keyed hash, with a secret of the store (`affinity.key`), and no name or address."),
    Key(
      "services.*.affinity.header", .text(.fieldName), .described("none"),
      "The value of this field, in place of a cookie."),
    Key(
      "services.*.affinity.ttl", .duration(1000...31_536_000_000, off: false),
      .described("as long as the browser's session"), "How long the cookie is kept."),
    Key(
      "services.*.affinity.path", .text(.requestPath), .described("`/`"), "The path that the cookie is for."),
  ]

  static let circuitBreakers: [Key] = [
    Key(
      "services.*.circuit_breakers", .section, .described("no limits"),
      "What a service may have under way at once, over all its backends and all workers, in Envoy's words. What is beyond it goes to "
        + "the next service of its chain, or is answered 503 with the limit's name, and is counted in "
        + "`certd_circuit_breaker_hits_total`."),
    Key(
      \CircuitBreakers.maxConnections, "services.*.circuit_breakers.max_connections",
      .integer(1...1_000_000), .described("no limit"),
      "Connections with work; over HTTP/2, connections."),
    Key(
      \CircuitBreakers.maxPending, "services.*.circuit_breakers.max_pending", .integer(0...1_000_000),
      .described("no limit"),
      "Requests over HTTP/1 that wait for a connection to be made. Those that wait for room have `queue.size`."
    ),
    Key(
      \CircuitBreakers.maxRequests, "services.*.circuit_breakers.max_requests", .integer(1...1_000_000),
      .described("no limit"), "Requests, those in `queue` among them."),
    Key(
      \CircuitBreakers.maxRetries, "services.*.circuit_breakers.max_retries", .integer(0...1_000_000),
      .described("no limit"),
      "Requests that are at a further backend after the first has failed. One beyond it gets the failure."),
  ]

  static let members: [Key] =
    backend("services.*.backends[]") + groups + backend("services.*.groups[].backends[]")

  /// The keys of one backend, wherever it is listed.
  private static func backend(_ path: String) -> [Key] {
    [
      Key("\(path).address", .text(.backend), .required, "Where the server is."),
      Key(\Backend.weight, "\(path).weight", .integer(1...1000), "Its share of the requests."),
      Key(
        "\(path).kv_events", .text(.publisher), .described("as `kv_events` of the service says"),
        "The publisher of this backend."),
    ]
  }

  private static let groups: [Key] = [
    Key(
      "services.*.groups", .list(of: .section, maximumCount: GroupShares.maximumGroups),
      .described("all backends are the same"),
      "Backends in groups, which share the requests as Envoy's priority levels and localities do: the next priority gets what the "
        + "healthy backends of the better ones cannot bear, and what these have no room for under `max_requests_per_backend`. "
        + "`backends` beside it are a group of priority 0."),
    Key(
      \BackendGroup.priority, "services.*.groups[].priority", .integer(0...100),
      "Groups with the least number come first."),
    Key(
      \BackendGroup.weight, "services.*.groups[].weight", .integer(1...1000),
      "Its share among groups of the same priority; less with each backend that is not healthy, from the point on where "
        + "`overprovisioning` is used up."),
    Key(
      \BackendGroup.zone, "services.*.groups[].zone", .text(.line), .described("none"),
      "Where it is. Of one priority, groups in this node's `zone`, or without one, come before the others, which get what the "
        + "healthy backends there cannot bear."),
    Key(
      "services.*.groups[].backends", .list(of: .textOrSection(.backend), maximumCount: 1024), .required,
      "Its servers, as in `services.*.backends`."),
    Key(
      \GroupRule.overprovisioning, "services.*.overprovisioning", .integer(100...1000),
      "How many times what its share of backends says a group can bear, in percent: with 140, others get requests once fewer than "
        + "72 of 100 are healthy."),
    Key(
      \GroupRule.panicThreshold, "services.*.panic_threshold", .integer(0...100),
      "Where all groups together are not healthy enough, those of a priority with less than this share of healthy backends, in "
        + "percent, send requests to all of theirs: then it is rather the checks that are ill. 0 for never."),
  ]
}
