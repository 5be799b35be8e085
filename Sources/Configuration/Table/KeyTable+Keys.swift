extension KeyTable {
  static let keys: [Key] = [
    Key(
      "keys", .named(of: .section, maximumCount: 1000), .described("none"),
      "Groups of API keys by name, with what all keys of a group may have together. `certd key create` makes keys; each may have "
        + "limits of its own besides."),
    Key(
      "keys.*.file", .text(.path), .required,
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
  ]
}
