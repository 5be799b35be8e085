extension KeyTable {
  /// What has to become of requests.
  static let tests: [Key] = [
    Key(
      "tests", .list(of: .section, maximumCount: 10_000), .described("none"),
      "Requests, and where they have to go: asked of the routes by `certd check`, before a start and before each reload, "
        + "which a test that fails refuses. Keys and certificates of clients are not looked at."),
    Key(
      "tests[].request", .text(.line), .required,
      "Method and URL, as `GET https://llm.example.com/v1/models`."),
    Key(
      "tests[].headers", .named(of: .text(.fieldValue), maximumCount: 32), .described("none"), "Its fields."),
    Key("tests[].client", .text(.host), .value("192.0.2.1"), "The client's address."),
    Key(
      "tests[].service", .text(.name), .described("see `status` and `redirect`"),
      "The service that it goes to."),
    Key(
      "tests[].status", .integer(200...599), .described("see `service`"),
      "The status that certd answers it with by itself: 404 where no route is for it."),
    Key("tests[].redirect", .text(.line), .described("see `service`"), "The URL that it is sent to."),
  ]
}
