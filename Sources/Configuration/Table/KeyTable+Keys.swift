extension KeyTable {
  static let keys: [Key] = [
    Key(
      "keys", .named(of: .section, maximumCount: 1000), .described("none"),
      "Groups of API keys by name, with what all keys of a group may have together. `certd key create` makes keys; each may have "
        + "limits of its own besides."),
    Key(
      "keys.*.file", .text(.path), .described("no keys but those of `issuer`"),
      "File of the group's keys, one JSON object a line, with hashes in place of secrets. `certd key` writes it; several groups "
        + "may share one. A changed file counts within a second."),
    Key(
      "keys.*.requests_per_minute", .text(.count), .described("no limit"),
      "Requests in any 60 seconds; 429 beyond it."),
    Key(
      "keys.*.tokens_per_minute", .text(.count), .described("no limit"),
      "Tokens of prompts and answers in any 60 seconds. They are set aside by estimate before a request is passed on, and counted "
        + "as its engine tells them."),
    Key("keys.*.tokens_per_day", .text(.count), .described("no limit"), "The same in a day of UTC."),
    Key("keys.*.tokens_per_month", .text(.count), .described("no limit"), "The same in a month of UTC."),
    Key("keys.*.concurrent", .text(.count), .described("no limit"), "Requests at once."),
    Key(
      "keys.*.issuer", .text(.endpoint), .described("no tokens are taken"),
      "Whose tokens (JWT) stand for keys: their `iss`, exactly so. Signatures by RS256, PS256, ES256 and EdDSA are taken; `kid`, "
        + "`exp`, `nbf` and `aud` are looked at."),
    Key(
      "keys.*.audience", .text(.line), .described("none; needed beside `issuer`"),
      "What `aud` of tokens must name."),
    Key(
      "keys.*.jwks", .text(.line), .described("what the issuer's `/.well-known/openid-configuration` names"),
      "The issuer's public keys: a URL, or a file. They are fetched again each hour, and at most every 30 s when a token names a key "
        + "that is not known."),
    Key(
      "keys.*.claims", .section, .described(""),
      "Which claims say what; a claim that a token lacks limits nothing."),
    Key("keys.*.claims.name", .text(.line), .value("sub"), "Whose key it is; what counts is kept by it."),
    Key(
      "keys.*.claims.models", .text(.line), .described("all models"),
      "A list of models, or a text with spaces between them."),
    Key(
      "keys.*.claims.requests_per_minute", .text(.line), .described("no limit"),
      "A number, or a text such as `200k`."),
    Key("keys.*.claims.tokens_per_minute", .text(.line), .described("no limit"), "The same."),
    Key("keys.*.claims.tokens_per_day", .text(.line), .described("no limit"), "The same."),
    Key("keys.*.claims.tokens_per_month", .text(.line), .described("no limit"), "The same."),
    Key("keys.*.claims.concurrent", .text(.line), .described("no limit"), "The same."),
    Key("keys.*.claims.priority", .text(.line), .described("`normal`"), "`high`, `normal` or `low`."),
  ]
}
