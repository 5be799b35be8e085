internal import Proxy

extension KeyTable {
  /// What a request must be besides host and path.
  static let match: [Key] =
    [
      Key(
        "routes[].match", .section, .described("every request of its hosts and paths"),
        "What a request must be besides. Of routes with the same host and path the one with more conditions is asked first, "
          + "then the one with more whole values, longer beginnings, narrower address ranges; where none of that tells two "
          + "routes apart, they must exclude each other."),
      Key(
        \Settings.RequestMatch.methods, "routes[].match.methods",
        .list(of: .text(.fieldName), maximumCount: 32),
        "Methods, as `[GET, HEAD]`; letter case counts."),
    ]
    + values(
      "headers",
      "Fields by name: the whole value as a text, or a section. Of a field that comes twice one must do.")
    + values(
      "query",
      "Parameters of the query by name, decoded: the whole value as a text, or a section. Letter case counts."
    )
    + [
      Key(
        \Settings.RequestMatch.clientAddresses, "routes[].match.client_addresses",
        .list(of: .text(.addressRange), maximumCount: 1024),
        "Where the client is: of the connection, or as a PROXY header of a trusted peer says."),
      Key(
        \Settings.RequestMatch.clientCertificates, "routes[].match.client_certificates",
        .list(of: .text(.line), maximumCount: 256),
        "Who the client has proven to be: the subject of its certificate as the access log has it, or the first name of one "
          + "without a subject. See `listeners[].client_certificates`."),
      Key(
        \Settings.RequestMatch.ports, "routes[].match.ports",
        .list(of: .integer(1...65535), maximumCount: 64),
        "Ports of listeners that the request comes by."),
    ]

  private static func values(_ name: String, _ summary: String) -> [Key] {
    let path = "routes[].match.\(name)"
    return [
      Key(path, .named(of: .textOrSection(.fieldValue), maximumCount: 32), .described("none"), summary),
      Key("\(path).*.prefix", .text(.fieldValue), .described("none"), "How the value begins."),
      Key("\(path).*.present", .boolean, .described("none"), "Whether there is one at all."),
    ]
  }
}
