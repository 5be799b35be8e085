import Configuration
import HTTP
import Proxy

extension Service {
  /// Fields of requests of our own to its backends: who asks, and the key that clients' requests have there.
  func ownFields(_ more: Fields.Field...) -> Fields {
    var fields = Fields([Fields.Field("User-Agent", "certd-health/\(Version.text)")])
    if let key = rules.apiKey { fields.add("Authorization", "Bearer \(key.text)") }
    for field in more { fields.add(field.name, field.value) }
    return fields
  }
}
