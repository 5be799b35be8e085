extension KeyTable {
  /// Services that share a route's requests.
  static let split: [Key] = [
    Key(
      "routes[].split", .list(of: .textOrSection(.name), maximumCount: 16), .described("`service` alone"),
      "Services that share the requests by weight, in place of `service`: a canary for one. What `split_by` names keeps "
        + "requests together, at every node alike."),
    Key("routes[].split[].service", .text(.name), .required, "Name of the service."),
    Key("routes[].split[].weight", .integer(1...1000), .value("1"), "Its share of the requests."),
    Key(
      "routes[].split_by", .choiceOrSection(["session", "address"]), .value("session"),
      "What of a request decides whose it is: its `session` by the fields that `services.*.hash` knows, the client's "
        + "`address`, a field or a cookie; where there is none the address."),
    Key("routes[].split_by.header", .text(.fieldName), .described("none"), "Name of a field."),
    Key("routes[].split_by.cookie", .text(.fieldName), .described("none"), "Name of a cookie."),
  ]
}
