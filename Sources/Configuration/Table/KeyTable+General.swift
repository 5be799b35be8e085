internal import Proxy
internal import Telemetry

extension KeyTable {
  static let general: [Key] = [
    Key(
      \Configuration.store, "store", .text(.path),
      .described("`certs` in development, `/var/lib/certd` when installed"),
      "Directory of the certificate store. The flag `--store` wins."),
    Key(
      \Configuration.workers, "workers", .integerOr("auto", 1...1024),
      "Worker threads; `auto` is one for each processor that the process may use."),
    Key(
      "include", .list(of: .text(.line), maximumCount: 64), .described("none"),
      "Further files, whose last part may have `*` and `?`; a pattern that no file fits is nothing. Their lists (`routes`, "
        + "`certificates`) are joined to this file's, and so are their sections of the top (`services`); a key that "
        + "stands in two files is an error. Paths in them start from this file's directory."),
    Key(
      \Configuration.zone, "zone", .text(.line), .described("the environment's `CERTD_ZONE`, else none"),
      "Where this node is, as `services.*.groups[].zone` names places: groups there come first."),
    Key("log", .section, .described(""), "What is logged."),
    Key(
      \LogSettings.level, "log.level", .choice(of: Log.Level.self),
      "The least important level that is written."),
    Key(
      \LogSettings.format, "log.format", .choice(of: LogSettings.Format.self),
      "The shape of a line; `auto` is text on a terminal and JSON otherwise."),
    Key(
      "log.access", .textOrSection(.accessLog), .described("`off`"),
      "Where the access log goes: one line a request, without its query. Files are opened again on SIGUSR1, and within a "
        + "second when they were renamed. To the journal, where standard output is it, a line has a field for everything."
    ),
    Key(
      "log.access.file", .text(.accessLog), .required, "As in place of the section."),
    Key(
      "log.access.format", .text(.line), .described("`json`"),
      "`json`; `combined`, as Apache and nginx have it; or a text with fields in braces, such as "
        + "`\"{client_ip} {method} {path} {status}\"`; each field once, `{{` is a brace, what is not known is `-`."
    ),
    Key(
      "log.access.sample", .text(.share), .described("`1`"),
      "The share of requests that have a line; those with a status of 400 or more, or none, have one always."),
    Key(
      "log.access.rotate", .section, .described("never"),
      "When the file is put aside: `FILE.1` is the newest of those that were."),
    Key(
      "log.access.rotate.size", .size(64 << 10...1 << 40), .described("`100MiB`"),
      "From which size on; looked at once a second."),
    Key(
      \AccessSettings.Rotation.keep, "log.access.rotate.keep", .integer(0...1000),
      "How many are kept."),
    Key(
      "traces", .section, .described("no traces"),
      "Traces of requests and of renewals, by OTLP over HTTP. `traceparent` (W3C Trace Context) of peers in `trusted_proxies` is "
        + "gone on with, that of others replaced; backends get it."),
    Key(
      "traces.endpoint", .text(.endpoint), .required,
      "A collector's address, such as `http://127.0.0.1:4318/v1/traces`."),
    Key(
      "traces.sample", .text(.share), .described("`0.01`"),
      "The share of requests whose traces begin here that are told."),
    Key(
      "traces.headers", .named(of: .text(.fieldValue), maximumCount: 16), .described("none"),
      "Fields that the collector wants."),
    Key(
      "admin", .section, .described(""),
      "Where certd shows what it does, and is told what to do: metrics for Prometheus at `/metrics`, JSON at `/status`."
    ),
    Key(
      "admin.socket", .text(.socketPath), .described("`admin.sock` in the store"),
      "Unix socket, for the user that certd runs as."),
    Key(
      "admin.address", .text(.listenAddress), .described("none"),
      "TCP address beside the socket, of this machine only (127.0.0.1 or ::1). Needs `token_file`."),
    Key(
      "admin.token_file", .text(.path), .described("none"),
      "File with tokens, one a line, at least 16 characters each. Who reads by `address` sends one as `Authorization: Bearer "
        + "TOKEN`."),
    Key(
      "admin.change_token_file", .text(.path), .described("none: nothing can be changed by `address`"),
      "File with other tokens of the same form, which may also change something: reload, drain, weights, the level of the log."
    ),
  ]

  static let limits: [Key] = [
    Key("limits", .section, .described(""), "Sizes, counts and times that protect the process."),
    Key(
      \Limits.requestHead, "limits.request_head", .size(1024...65_536),
      "Largest request line and field section together; 431 beyond it."),
    Key(
      \Limits.requestHeadFields, "limits.request_head_fields", .integer(8...1024),
      "Most field lines in a request; 431 beyond it."),
    Key(
      \Limits.connections, "limits.connections", .integer(1...4_194_304),
      "Most client connections at once, over all workers."),
    Key(
      \Limits.bufferMemory, "limits.buffer_memory", .size(4 << 20...1 << 42),
      .described("half of the memory that the process may use"),
      "Most memory of buffers for requests and responses under way. Half of it is for new requests, which get 503 "
        + "beyond it; the rest lets those go on that have begun."),
    Key(
      \Limits.headerTimeout, "limits.header_timeout", .duration(100...3_600_000, off: false),
      "From the first byte of a request to the end of its head; 408 beyond it."),
    Key(
      \Limits.keepaliveTimeout, "limits.keepalive_timeout", .duration(0...86_400_000, off: false),
      "How long a client connection without a request is kept. Long, because clients of model servers keep "
        + "pools and a handshake costs more than an idle connection."),
    Key(
      \Limits.handshakeTimeout, "limits.handshake_timeout", .duration(100...600_000, off: false),
      "From the connection to the end of the TLS handshake."),
    Key(
      \Limits.requestBodyIdleTimeout, "limits.request_body_idle_timeout",
      .duration(100...86_400_000, off: false),
      "Between two pieces of a request's body; 408 beyond it."),
    Key(
      \Limits.sendTimeout, "limits.send_timeout", .duration(100...86_400_000, off: false),
      "How long a client may take no byte of a response that waits for it."),
    Key(
      \Limits.upgradeIdleTimeout, "limits.upgrade_idle_timeout", .duration(100...604_800_000, off: true),
      "How long a WebSocket or other upgraded connection may carry nothing."),
    Key(
      \Limits.drainTimeout, "limits.drain_timeout", .duration(0...86_400_000, off: false),
      "How long exchanges may go on after SIGTERM."),
  ]
}
