internal import Exchange
internal import Proxy

extension KeyTable {
  static let proxy: [Key] =
    [
      Key(
        "listeners", .list(of: .section, maximumCount: Listener.maximumCount),
        .described("`:443` with TLS, and `:80` redirecting to it"),
        "Addresses that clients connect to."),
      Key(
        "listeners[].address", .text(.listenAddress), .required,
        "For instance `:443`, `127.0.0.1:8443` or `[::1]:443`. Port 0 takes a free one."),
      Key(
        "listeners[].redirect", .choice(["https"], reserved: []), .described("requests are routed"),
        "Answers every request with a redirect to HTTPS, after HTTP-01 challenges."),
      Key(
        \Listener.h2c, "listeners[].h2c", .boolean,
        "Takes HTTP/2 without TLS too, from clients that know of it. With TLS it is offered always."),
      Key(
        "listeners[].proxy_protocol", .section, .described("no PROXY protocol"),
        "The PROXY protocol (version 1 or 2) of a load balancer before this listener."),
      Key(
        "listeners[].proxy_protocol.trusted", .list(of: .text(.addressRange), maximumCount: 1024), .required,
        "Peers whose connections must begin with a PROXY header, before TLS; what it says replaces the client's "
          + "address in fields, log and `trusted_proxies`. Connections from other addresses are ordinary: a "
          + "header in them is an error, never an address."),
      Key(
        \Configuration.trustedProxies, "trusted_proxies",
        .list(of: .text(.addressRange), maximumCount: 1024),
        "Peers whose `X-Forwarded-*` and `Forwarded` fields are believed; from others they are dropped."),
      Key("forwarded", .section, .described(""), "Which forwarding fields backends are sent."),
      Key(
        \ForwardedFields.xForwarded, "forwarded.x_forwarded", .boolean,
        "`X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host` and `X-Forwarded-Port`."),
      Key(
        \ForwardedFields.forwarded, "forwarded.forwarded", .boolean, "`Forwarded` (RFC 7239)."),
      Key(
        \ForwardedFields.via, "forwarded.via", .boolean, "`Via` (RFC 9110 §7.6.3)."),
      Key(
        \ForwardedFields.requestID, "forwarded.request_id", .boolean,
        "`X-Request-Id`: that of peers in `trusted_proxies`, at most 64 letters, digits and `-_.:+/=`; else a new one. Backends, "
          + "clients and the access log get it."),
    ] + headers(at: "headers", "Field changes for every route.") + [
      Key(
        "routes", .list(of: .section, maximumCount: 10_000), .described("none"),
        "Which requests go to which service. The most specific host wins (name, then `*.suffix`, then `*`), then the most "
          + "specific path, segment by segment from its beginning (a word, then a variable, then `*`), then the narrowest "
          + "`match`. Two routes for the same requests are an error."),
      Key(
        "routes[].hosts", .list(of: .text(.hostPattern), maximumCount: 1000),
        .described("`[\"*\"]`, every host"),
        "Host names, addresses, or `*.suffix` for one more label."),
      Key(
        "routes[].paths", .list(of: .text(.pathPattern), maximumCount: 1000),
        .described("`[/*]`, every path"),
        "Exact paths, prefixes such as `/v1/*`, which covers all below `/v1/` but not `/v1`, or either with variables for one "
          + "segment each: `/v1/models/{model}`. Requests are compared by "
          + "what their path means (RFC 3986 §6.2.2): encoded letters decoded, dot segments and doubled slashes resolved; an "
          + "encoded slash is none. The backend gets the path as it came."),
    ] + match + [
      Key(
        "routes[].service", .text(.name),
        .described("see `split`, `redirect` and `respond`; else it must be there"),
        "Name of the service."),
      Key(
        "routes[].models", .named(of: .textOrSection(.name), maximumCount: 1000),
        .described("the model is not looked at"),
        "Services by the `model` that a request's JSON content asks for, as OpenAI's, Anthropic's and Ollama's interfaces have "
          + "it, or by `model_name` in calls of KServe's gRPC service: a whole name, a beginning such as `llama-*`, or `*`; the most exact one counts. A model that none is for is "
          + "answered with 404 `model_not_found`, content without a model with 400. Content is kept until it is whole, as by "
          + "`request_buffering`; of more than 64 MiB a first part is, if the model stands in it. Compressed content (`gzip`, "
          + "`deflate`) is read too. Requests without content, `GET /v1/models` for one, and other calls of gRPC go to "
          + "`service`. All of these services speak HTTP, of either version."),
      Key(
        "routes[].models.*.service", .text(.name), .described("see `split` and `status`"),
        "Name of the service."),
      Key(
        "routes[].models.*.model", .text(.line), .described("the client's"),
        "Name of the model for the backend, written into the content in place of the client's."),
      Key(
        "routes[].keys", .textOrList(.name, maximumCount: 64), .described("no key is asked for"),
        "Group of `keys`, or several, of which a request must show one: as `Authorization: Bearer`, `x-api-key`, `api-key`, the "
          + "password of basic authentication, WebSocket's protocol `openai-insecure-api-key.KEY`, or by a client certificate that "
          + "a key names. Others are answered with 401, but for preflights of browsers. Backends do not get the key, unless "
          + "`pass_key` of their service says so."),
      Key(
        "routes[].models.*.fallback", .list(of: .textOrSection(.name), maximumCount: 16),
        .described("nobody"),
        "Services that have a request in turn when the one before has no answer once its own retries are used up: no backend "
          + "can have it, none answers in time, or it answers 429 or 5xx, and nothing of that has been passed on."
      ),
      Key("routes[].models.*.fallback[].service", .text(.name), .required, "Name of the service."),
      Key(
        "routes[].models.*.fallback[].model", .text(.line), .described("the client's"),
        "Name of the model there."),
      Key(
        "routes[].models.*.split", .list(of: .textOrSection(.name), maximumCount: 16),
        .described("`service` alone"),
        "Services that share the requests by weight, in place of `service`: a canary for one. What belongs together stays "
          + "together, at every node alike: requests of one key, else of one session (see `services.*.hash`), else of one "
          + "client's address."),
      Key("routes[].models.*.split[].service", .text(.name), .required, "Name of the service."),
      Key(
        "routes[].models.*.split[].model", .text(.line), .described("the client's"),
        "Name of the model there."),
      Key(
        "routes[].models.*.split[].weight", .integer(1...1000), .value("1"), "Its share of the requests."),
      Key(
        "routes[].models.*.status", .integer(404...404), .described("it is served"),
        "`404` says that there is no such model, as to a model that no line is for."),
      Key(
        \Settings.RouteRules.modelHeader, "routes[].model_header", .text(.fieldName), .described("none"),
        "A field that names the model in place of the content, `X-Model` for one: where it leads to one service without another "
          + "name or fallback, the content passes as it comes. Without it the content decides."),
      Key(
        \Settings.RouteRules.modelPath, "routes[].model_path", .text(.pathPrefix), .described("none"),
        "What a path begins with whose next part names the model: with `/m`, `/m/qwen3-8b/v1/chat/completions` is "
          + "`/v1/chat/completions` of `qwen3-8b`. Both are taken off before `strip_prefix`; the name has no slash, and the "
          + "path no percent-encoding or dot segments (400). `paths` must take it in."),
      Key("routes[].auth", .section, .described("anybody is answered"), "Who is answered."),
      Key(
        "routes[].auth.api_keys", .text(.path), .described("no key is asked for"),
        "File of API keys, one a line; empty lines and lines that begin with `#` are nothing. Requests show one as "
          + "`Authorization: Bearer` or `x-api-key`, and others are answered with 401, but for preflights of browsers. Backends do not get them. A changed "
          + "file counts within seconds."),
    ] + auth + split + [
      Key(
        "routes[].root", .text(.path), .described("requests go to `service`"),
        "A directory whose files are given out, in place of `service`: GET and HEAD, `index.html`, ranges, ETag, and `NAME.gz` "
          + "beside a file to clients that take gzip. Nothing outside of it, no names that begin with a dot, no symbolic links."
      ),
      Key(
        \Settings.RouteRules.stripPrefix, "routes[].strip_prefix", .text(.pathPrefix), .described("nothing"),
        "Taken off the path before the backend gets it: with `/vllm`, `/vllm/v1/models?x` becomes `/v1/models?x`."
      ),
      Key(
        \Settings.RouteRules.addPrefix, "routes[].add_prefix", .text(.pathPrefix), .described("nothing"),
        "Put before the path that the backend gets, after `strip_prefix`."),
      Key(
        \Settings.RouteRules.normalize, "routes[].normalize", .choice(of: Settings.Normalization.self),
        .described("they go on as they came"),
        "What is done with paths that have dot segments, doubled slashes or needless percent-encoding: `reject` answers "
          + "400, for backends that might take such a path for another one."),
      Key(
        "routes[].cors", .section, .described("left to the backends"),
        "What pages of other origins may do (CORS)."),
      Key(
        "routes[].cors.origins", .list(of: .text(.line), maximumCount: 64), .required,
        "Origins such as `https://chat.example.com`, or `\"*\"` alone for all. Preflights are answered by certd, before any "
          + "key is asked for, and what backends send of such fields is dropped."),
      Key(
        \Settings.CrossOrigin.methods, "routes[].cors.methods",
        .list(of: .text(.fieldName), maximumCount: 32),
        .described("`[\(Settings.CrossOrigin().methods.joined(separator: ", "))]`"),
        "Methods that pages may use."),
      Key(
        \Settings.CrossOrigin.headers, "routes[].cors.headers",
        .list(of: .text(.fieldName), maximumCount: 64),
        .described("those that are asked for"),
        "Request fields that pages may send."),
      Key(
        \Settings.CrossOrigin.expose, "routes[].cors.expose",
        .list(of: .text(.fieldName), maximumCount: 64),
        "Response fields that pages may read besides the usual ones."),
      Key(
        \Settings.CrossOrigin.credentials, "routes[].cors.credentials", .boolean,
        "Whether browsers send cookies and other credentials; not with `\"*\"`."),
      Key(
        \Settings.CrossOrigin.maxAge, "routes[].cors.max_age", .duration(0...86_400_000, off: false),
        "How long browsers may keep the answer to a preflight."),
      Key(
        \Settings.RouteRules.clientCertificate, "routes[].client_certificate",
        .choice(of: Settings.ClientCertificate.self), .described("none is needed"),
        "`required` answers only clients that have proven who they are by a certificate (see "
          + "`listeners[].client_certificates`): every route is served on every listener, and on one that does not "
          + "ask this one is answered with 421."),
    ] + headers(at: "routes[].headers", "Field changes for this route, after those for every route.")
    + actions

  private static func headers(at path: String, _ summary: String) -> [Key] {
    let name = Key.ValueType.text(.fieldName)
    var keys = [Key(path, .section, .described("none"), summary)]
    for (side, way) in [("request", "on the way to the backend"), ("response", "on the way to the client")] {
      keys += [
        Key("\(path).\(side)", .section, .described("none"), "Changes \(way)."),
        Key(
          "\(path).\(side).set", .named(of: .text(.fieldValue), maximumCount: 64), .described("none"),
          "Fields that replace all of their name. Values may have parts of the request, as `{client_ip}`: see docs/routing.md."
        ),
        Key(
          "\(path).\(side).add", .named(of: .text(.fieldValue), maximumCount: 64), .described("none"),
          "Fields that stand beside others of their name."),
        Key(
          \Settings.MessageEdits.remove, "\(path).\(side).remove", .list(of: name, maximumCount: 64),
          "Names of fields that are dropped, before any is set; in a route also what is set for every route."),
      ]
    }
    return keys
  }
}
