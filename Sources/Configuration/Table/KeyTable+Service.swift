internal import Proxy
internal import Upstream

extension KeyTable {
  static let services: [Key] =
    basics + members + sources + health + engineMetrics + compression + tuning + affinity + circuitBreakers
    + outliers

  private static let basics: [Key] = [
    Key(
      "services", .named(of: .section, maximumCount: 1000), .described("none"),
      "Groups of backends by name."),
    Key(
      \Service.kind, "services.*.kind", .choice(of: ServiceKind.self),
      "What the backends are; decides the health check (see the table of kinds). `auto` is what they say when they are asked "
        + "by a running certd, and what is used with `--backend` unless `--kind` says otherwise."),
    Key(
      "services.*.backends", .listOrSection(of: .textOrSection(.backend), maximumCount: 1024),
      .described("those of `groups`"),
      "Servers: `10.0.0.11:8000`, `http://vllm:8000`, `https://10.0.0.11`, `unix:/run/vllm.sock`, or certd itself "
        + "(`admin:page`, `admin:read`, `admin:change`), or a section as "
        + "below. All of one service speak the same protocol. Each address of a name is a backend of its own, and names "
        + "are looked up again when DNS's TTL is over (else every 30 s), and within 1 s when a backend fails."
    ),
    Key(
      "services.*.protocol",
      .choice(of: ServiceProtocol.self),
      .described("`https` when backends are https URLs, else `http1`"),
      "What is spoken to the backends: HTTP/1.1 in the clear (`http1`) or over verified TLS (`https`), HTTP/2 in the "
        + "clear (`h2c`) or over verified TLS (`h2`), as gRPC servers do; or anything, passed on unread after the "
        + "client's TLS handshake, in TCP (`tcp`) or over verified TLS (`tls`)."),
    Key(
      \Service.sendProxy, "services.*.send_proxy", .choice(of: ProxyProtocol.Version.self),
      .described("no PROXY header"),
      "Begins each connection to a backend with a PROXY protocol header that names the client. Connections are "
        + "then never shared or kept: each request has its own."),
    Key(
      \Service.host, "services.*.host", .text(.backendHost),
      .described("`client`; `backend` for `kind: ollama` on loopback and for TLS to a backend given by name"),
      "The Host of requests to the backends: the client's (`client`), the backend's as it is written (`backend`), or a "
        + "name. Ollama on loopback answers 403 to every name that is not local. `X-Forwarded-Host` has the client's."
    ),
    Key(
      \Settings.ServiceRules.policy, "services.*.policy", .choice(of: Balancer.Policy.self),
      .described("`model-aware` for kinds that are model servers, else `least-request`"),
      "How a backend is chosen. `model-aware`: the one that is expected to give the first token soonest, by what its "
        + "prefix cache is likely to hold of the prompt, what it has still to read, and how fast it reads; the content "
        + "of requests with a prompt is waited for, at most 64 MiB. `least-request`: the fewest requests under way for "
        + "the weight. `round-robin`: in turn, each as often as its weight says; generations differ in length by orders of "
        + "magnitude, which it does not even out. `random`: by chance and weight. `p2c`: the less busy one of two that are "
        + "drawn by weight. `peak-ewma`: the one of two where the answer's head is to be expected sooner, by how long they "
        + "took of late (a slow one counts at once and decays over 10 s) times what is under way. `ring-hash` and `maglev`: "
        + "by a key of the request (`hash`), unless that backend is busier than `balance_factor` allows; when backends come "
        + "or go few keys move. Maglev's table is the more even one, a ring moves fewest keys."),
    Key(
      "services.*.hash", .choiceOrSection(["session", "address", "prompt"]), .value("session"),
      "What of a request decides under `ring-hash` and `maglev`: its `session`, by the field `X-Session-Id`, `Session-Id`, "
        + "`X-Conversation-Id` or `Conversation-Id`, or where content is read its `prompt_cache_key`, `session_id`, `user` or "
        + "`metadata.user_id`; the client's `address`; the beginning of its `prompt`, which is waited for; or a field or "
        + "cookie. Where there is none the address decides. Under `model-aware` the session decides between engines whose "
        + "wait is the same and no prompt is known."),
    Key("services.*.hash.header", .text(.fieldName), .described("none"), "Name of a field."),
    Key("services.*.hash.cookie", .text(.fieldName), .described("none"), "Name of a cookie."),
    Key(
      \Settings.ServiceRules.balanceFactor, "services.*.balance_factor", .integerOr("off", 101...10_000),
      "How much of its share of the requests under way a backend may have under `ring-hash` and `maglev`, in percent, before "
        + "the next one on the ring, or in the table, gets its keys; `off` for no limit."),
    Key(
      \Settings.ServiceRules.slowStart, "services.*.slow_start", .duration(100...3_600_000, off: true),
      "How long a backend that has become ready, or is back from an ejection, gets less than its weight says: a tenth at "
        + "first, and all of it at the end. For policies that go by weights, `model-aware` too; under hashes it only lowers "
        + "what `balance_factor` allows. Readiness is known from health checks."),
    Key(
      "services.*.api_key", .text(.fieldValue), .described("none"),
      "Shown to the backends as `Authorization: Bearer`, in place of whatever the client has sent; `${file:PATH}` reads it from a "
        + "file. Services by model of one route have the same one."),
    Key(
      \Settings.ServiceRules.passKey, "services.*.pass_key", .boolean,
      "Passes the key on that a client has shown to its route."),
    Key(
      "services.*.tls", .section, .described(""),
      "How backends' certificates are verified, and who we are to them."),
    Key(
      \BackendTLS.roots, "services.*.tls.roots", .list(of: .text(.path), maximumCount: 64),
      .described("the system's"),
      "PEM files of trusted roots, in place of the system's."),
    Key(
      \BackendTLS.serverName, "services.*.tls.server_name", .text(.host), .described("the backend's host"),
      "Name sent as SNI and looked for in the certificate."),
    Key(
      \BackendTLS.verify, "services.*.tls.verify", .boolean,
      "`false` accepts any certificate: only for a network that you trust."),
    Key(
      "services.*.tls.cert", .text(.path), .described("none is shown"),
      "PEM file of the certificate, with its chain, that is shown to backends that ask for one."),
    Key("services.*.tls.key", .text(.path), .described("none"), "PEM file of its private key."),
  ]

  private static let health: [Key] = [
    Key("services.*.health", .section, .described(""), "How backends are found ready or not."),
    Key("services.*.health.enabled", .boolean, .value("true"), "`false` sends requests without looking."),
    Key(
      "services.*.health.path", .text(.requestPath), .described("the kind's"),
      "Path of the GET that tells whether a backend is ready."),
    Key(
      "services.*.health.grpc", .boolean, .value("false"),
      "Asks by gRPC's health protocol (`grpc.health.v1.Health/Check`) in place of a GET. Needs `protocol` `h2c` or "
        + "`h2`."),
    Key(
      "services.*.health.grpc_service", .text(.grpcService), .described("the whole server"),
      "The service that gRPC's health protocol is asked about, for instance `inference.GRPCInferenceService`."
    ),
    Key(
      \HealthCheck.port, "services.*.health.port", .integer(1...65_535), .described("the backend's"),
      "Another port for the check."),
    Key(
      "services.*.health.expect", .text(.statusRange), .described("the kind's"),
      "Status codes that count as ready, `200` or `200-299`. Needs a path."),
    Key(
      "services.*.health.expected", .section, .described(""),
      "What the answer to a GET must say; more than `expect` can."),
    Key(
      "services.*.health.expected.status", .list(of: .text(.statusRange), maximumCount: 16),
      .described("as `expect` says"), "Status codes that count as ready: `[200-299, 401]`."),
    Key(
      "services.*.health.expected.body", .text(.line), .described("anything"),
      "Text that the content must hold, of which 256 KiB are read."),
    Key(
      "services.*.health.tls", .boolean, .value("false"),
      "Makes a connection and its TLS handshake in place of a GET. Needs a `protocol` over TLS."),
    Key(
      "services.*.health.command", .list(of: .text(.line), maximumCount: 64), .described("none"),
      "A program, by its absolute path, and its arguments, run without a shell and never twice at once for a backend, which is ready "
        + "when it ends with 0 within `timeout`. It has `CERTD_SERVICE`, `CERTD_BACKEND` and `CERTD_ADDRESS` in its environment and "
        + "`PATH`; the end of what it writes is the reason that is shown."),
    Key(
      \HealthCheck.interval, "services.*.health.interval", .duration(100...3_600_000, off: false),
      "From one check to the next, with some jitter."),
    Key(
      \HealthCheck.timeout, "services.*.health.timeout", .duration(10...600_000, off: false),
      "How long an answer is waited for; at most `interval`."),
    Key(
      \HealthCheck.unhealthyThreshold, "services.*.health.unhealthy_threshold", .integer(1...100),
      "Failures in a row after which a backend gets no requests."),
    Key(
      \HealthCheck.healthyThreshold, "services.*.health.healthy_threshold", .integer(1...100),
      "Successes in a row after which it gets requests again."),
  ]

  private static let engineMetrics: [Key] = [
    Key(
      "services.*.metrics", .section, .described(""),
      "Where model servers tell of themselves (Prometheus' text, or TensorRT-LLM's JSON), asked under `policy: model-aware` "
        + "beside each health check that passes. What they tell sizes what certd remembers of their caches and corrects its own "
        + "counts of requests, by at most a second of waiting and for 15 s."),
    Key(
      \EngineMetricsPlace.port, "services.*.metrics.port", .integer(1...65_535),
      .described("the backend's; 8002 for `triton`"),
      "Another port for it. There HTTP/1.1 is spoken, over TLS where the backends are, and `api_key` is not shown."
    ),
    Key(
      "services.*.metrics.path", .text(.requestPath),
      .described("`/metrics`; for `tensorrt-llm` `/prometheus/metrics`, then `/metrics`"), "What is asked."),
    Key(
      "services.*.kv_events", .section, .described("engines are not listened to"),
      "Where vLLM (`--kv-events-config`) and SGLang publish by ZeroMQ what comes into their prefix caches and goes. Blocks that "
        + "an engine has removed bring no request there any more; without them, and after a gap, certd's own estimate holds. "
        + "For `policy: model-aware`."),
    Key(
      \CacheEventPlace.port, "services.*.kv_events.port", .integer(1...65_535),
      "The publisher's port at each backend's address."),
    Key(
      "services.*.kv_events.topic", .text(.line), .described("all topics"),
      "How the topics begin that are listened to, at most 254 bytes."),
  ]

  private static let compression: [Key] = [
    Key(
      "services.*.compression", .booleanOrSection, .described("`false`"),
      "Compresses responses with gzip for clients that accept it. Streams of messages (server-sent events, gRPC, "
        + "NDJSON), ranges and what is coded already always pass as they are."),
    Key(
      \Settings.Compression.types, "services.*.compression.types",
      .list(of: .text(.mediaType), maximumCount: 64),
      .described(Settings.Compression().types.map { "`\($0)`" }.joined(separator: ", ")),
      "Media types that are compressed, `text/*` for all of a kind."),
    Key(
      \Settings.Compression.minimumSize, "services.*.compression.minimum_size", .size(0...16_777_216),
      "Responses that say to be shorter pass as they are."),
    Key(
      \Settings.Compression.level, "services.*.compression.level", .integer(1...9),
      "From 1, quick, to 9, small."),
  ]

  private static let tuning: [Key] = [
    Key("services.*.timeouts", .section, .described(""), "How long backends are waited for."),
    Key(
      \Settings.Timeouts.connect, "services.*.timeouts.connect", .duration(10...600_000, off: false),
      "Until the connection, and its TLS handshake, stands; then the next backend is tried."),
    Key(
      \Settings.Timeouts.responseHead, "services.*.timeouts.response_head",
      .duration(100...86_400_000, off: true),
      "From the end of the request to the response's head; 504 beyond it. Long, because a model "
        + "server may queue "
        + "and think for minutes, and answers without streaming only when done."),
    Key(
      \Settings.Timeouts.firstByte, "services.*.timeouts.first_byte", .duration(100...86_400_000, off: true),
      "From the response's head to the first byte of its body. Servers that stream send the head at once and "
        + "the first token when the prompt is read."),
    Key(
      \Settings.Timeouts.idle, "services.*.timeouts.idle", .duration(100...86_400_000, off: true),
      "Between two bytes of the body. With protocol `tcp` or `tls`: how long a connection may carry nothing, by "
        + "default `limits.upgrade_idle_timeout`."),
    Key(
      \Settings.Timeouts.keepalive, "services.*.timeouts.keepalive", .duration(0...86_400_000, off: false),
      "How long an unused connection to a backend is kept. Under the 5 s after which uvicorn and "
        + "Node.js close "
        + "theirs, so that a request does not meet a closing connection."),
    Key("services.*.retries", .section, .described(""), "When a request is tried again on another backend."),
    Key(
      \Settings.Retries.attempts, "services.*.retries.attempts", .integer(0...10),
      "Further attempts after the first. Only before any byte of an answer, and while the body can "
        + "be repeated."
    ),
    Key(
      "services.*.retries.on", .list(of: .text(.retryCondition), maximumCount: RetryCondition.maximumCount),
      .described(
        "`connect-failure`, `reset`, `response-timeout`, and for model servers `429`, `500`, `502`, `503`, `504`"
      ),
      "After what a request is tried again: a connection that does not come about or breaks before the answer, no answer "
        + "in time, or a status before any content. To model servers POST is repeated like GET, since it changes nothing "
        + "there; elsewhere only what may be repeated, or what the backend cannot have seen."),
    Key(
      \Settings.Retries.budgetPercent, "services.*.retries.budget_percent", .integer(0...100),
      "Retries may be at most this percentage of a service's requests, so that they cannot "
        + "multiply an overload."
    ),
    Key(
      "services.*.hedging", .booleanOrSection, .described("`false`"),
      "Gives a request whose answer has not begun in time to a second backend as well; the first answer counts, and the other "
        + "backend's work ends at once. For requests that are at hand whole and whose answer is no stream: GET and HEAD, and "
        + "towards model servers those with a prompt. Not with `max_requests_per_backend`."),
    Key(
      "services.*.hedging.after", .text(.line), .value("expected"),
      "How long an answer may take to begin: a duration, or `expected`, what 95 of 100 recent ones of the service have not taken "
        + "longer than, once 20 are known."),
    Key(
      \Settings.Hedging.budgetPercent, "services.*.hedging.budget_percent", .integer(1...100),
      "Second attempts may be at most this percentage of the service's requests that may have one, of the last ten seconds."
    ),
    Key(
      \Settings.ServiceRules.heartbeat, "services.*.heartbeat", .duration(100...3_600_000, off: true),
      .described("`15s` for kinds that are model servers, else `off`"),
      "After how much silence a client of an event stream is sent a comment (`: ping`), so that nothing between takes the "
        + "connection for dead. Of requests to interfaces of model servers only."),
    Key(
      \Settings.ServiceRules.includeUsage, "services.*.include_usage", .boolean,
      "Has engines tell at the end of each stream how many tokens it has used (OpenAI's `stream_options.include_usage`), so "
        + "that metrics and the access log need not count events. Clients that have not asked for it are not shown it."
    ),
    Key(
      \Settings.ServiceRules.progressTimeout, "services.*.progress_timeout",
      .duration(100...3_600_000, off: true),
      .described("`3s` for `vllm`, `sglang`, `tensorrt-llm` and `tgi`, else `off`"),
      "How long a model engine whose health is good may give nothing to anybody while others do, beside three times what "
        + "reading the prompts in flight takes and 100 ms for each token of an answer that comes as a whole; four times that "
        + "long while nobody gives anything. What it has not begun to answer goes to another one then, and it gets no further "
        + "requests for 30 s, or until it gives something. For model servers with `policy: model-aware` and several backends."
    ),
    Key(
      \Settings.ServiceRules.maxConnections, "services.*.max_connections", .integer(1...1_000_000),
      .described("no limit"),
      "Most connections with work to one backend, over all workers; kept ones close when they are more."),
    Key(
      \Settings.ServiceRules.maxRequestsPerBackend, "services.*.max_requests_per_backend",
      .integer(1...1_000_000), .described("no limit"),
      "Most requests under way at one backend, over all workers and by whatever protocol; while every backend has as many, "
        + "others wait in `queue`. Over HTTP/1 a request under way is a connection with work: there the smaller of this and "
        + "`max_connections` counts, and what is beyond it waits."),
    Key(
      "services.*.queue", .section, .described(""),
      "Where requests wait while every backend has `max_requests_per_backend`: by priority, in turn between keys."
    ),
    Key(
      \Settings.Queue.size, "services.*.queue.size", .integer(0...65_536),
      "How many requests may wait, over all workers; 0 turns away at once. One that finds no place is answered 429 with "
        + "`Retry-After`, unless it is more urgent than another one, or its key has fewer waiting: then that one is."
    ),
    Key(
      \Settings.Queue.timeout, "services.*.queue.timeout", .duration(10...3_600_000, off: false),
      "How long a request may wait altogether; then it is answered 429 with `Retry-After`."),
    Key(
      \Settings.ServiceRules.requestBuffering, "services.*.request_buffering", .size(1...67_108_864),
      .described("content passes as it comes"),
      "For backends that need a `Content-Length`: content whose length the client does not tell (chunked, or HTTP/2 without a "
        + "length) is kept until it is whole, and more than this is answered 413. Each such request holds so much memory at "
        + "most, all of them together half of `limits.buffer_memory` beside it (503 beyond), and its head leaves 4 KiB of "
        + "64 to the content (431). Only with `protocol` `http1` or `https`."),
  ]
}
