internal import Proxy

extension KeyTable {
  /// Who is answered besides those with keys.
  static let auth: [Key] = [
    Key(
      "routes[].auth.basic", .section, .described("no password is asked for"),
      "Answers who shows the name and password of a user (RFC 7617); others are answered with 401. Backends do not get the "
        + "password."),
    Key(
      "routes[].auth.basic.users", .text(.path), .required,
      "File of users, one `NAME:HASH` a line as `htpasswd -B` writes it: bcrypt, yescrypt, SHA-256 or SHA-512 of crypt(3). A "
        + "changed file counts within seconds."),
    Key(
      \BasicAuthSettings.realm, "routes[].auth.basic.realm", .text(.line), "What browsers show as the place."),
    Key(
      \BasicAuthSettings.userHeader, "routes[].auth.basic.user_header", .text(.fieldName), .described("none"),
      "A field that tells backends the user's name; clients cannot send it."),
    Key(
      "routes[].auth.forward", .section, .described("nobody is asked"),
      "Asks a server whether a request may go on, before it does: GET with the client's fields and `X-Forwarded-Method`, `-Proto`, "
        + "`-Host`, `-Uri` and `-For`. An answer of 2xx lets it in; any other is passed on to the client, up to 32 KiB; none in "
        + "time lets nobody in (503). Content is not sent there."),
    Key(
      "routes[].auth.forward.url", .text(.line), .required,
      "The server, as `http://127.0.0.1:9091/api/verify`."),
    Key(
      \ForwardAuthSettings.requestHeaders, "routes[].auth.forward.request_headers",
      .list(of: .text(.fieldName), maximumCount: 64), .described("all"),
      "Fields of the client that it is sent."),
    Key(
      \ForwardAuthSettings.responseHeaders, "routes[].auth.forward.response_headers",
      .list(of: .text(.fieldName), maximumCount: 64),
      "Fields of its answer that backends get; clients cannot send them."),
    Key(
      \ForwardAuthSettings.timeout, "routes[].auth.forward.timeout", .duration(100...60_000, off: false),
      "How long its answer may take."),
  ]
}
