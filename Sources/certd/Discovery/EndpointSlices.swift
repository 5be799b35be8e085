import JSON

/// The EndpointSlices of one service as Kubernetes tells them, listed and then changed by events (discovery.k8s.io/v1). Pure.
struct EndpointSlices {
  /// Why an answer is of no use.
  struct Unusable: Error, Equatable { let reason: String }

  /// What an event of a watch has led to.
  enum Change: Equatable {
    /// Backends may be others by now.
    case changed
    /// Only the version has gone on.
    case bookmark
    /// The version is too old to go on from: all has to be listed again.
    case gone
    /// An error that the server tells.
    case refused(String)
  }

  /// From where a watch goes on.
  private(set) var version = ""
  private var slices: [String: JSONValue] = [:]
  /// How many there are.
  var count: Int { slices.count }

  /// All of them, as a list has them.
  init(list: JSONValue) throws(Unusable) {
    guard list["kind"]?.string == "EndpointSliceList",
      let version = list["metadata"]?["resourceVersion"]?.string
    else { throw Unusable(reason: "the answer is no EndpointSliceList") }
    self.version = version
    for item in list["items"]?.elements ?? [] {
      if let name = item["metadata"]?["name"]?.string { slices[name] = item }
    }
  }

  /// Takes in one event of a watch.
  mutating func apply(_ event: JSONValue) throws(Unusable) -> Change {
    guard let type = event["type"]?.string, let object = event["object"] else {
      throw Unusable(reason: "a line of the watch is no event")
    }
    if type == "ERROR" {
      if object["code"]?.int == 410 { return .gone }
      return .refused(object["message"]?.string ?? "the server told an error")
    }
    if let next = object["metadata"]?["resourceVersion"]?.string { version = next }
    if type == "BOOKMARK" { return .bookmark }
    guard let name = object["metadata"]?["name"]?.string else {
      throw Unusable(reason: "an event names no EndpointSlice")
    }
    switch type {
    case "ADDED", "MODIFIED": slices[name] = object
    case "DELETED": slices[name] = nil
    default: throw Unusable(reason: "an event has an unknown type")
    }
    return .changed
  }

  typealias Endpoint = (host: String, port: UInt16, zone: String?)

  /// Those that may get requests: the ready ones, else those that end and still serve. `port`: a number or a name.
  func endpoints(port: String?) -> [Endpoint] {
    var (ready, serving): ([Endpoint], [Endpoint]) = ([], [])
    for (_, slice) in slices.sorted(by: { $0.key < $1.key }) {
      guard slice["addressType"]?.string != "FQDN", let port = Self.port(port, slice) else { continue }
      for endpoint in slice["endpoints"]?.elements ?? [] {
        // Of several addresses any will do (KEP-752).
        guard let host = endpoint["addresses"]?.strings.first else { continue }
        let conditions = endpoint["conditions"]
        let zone = endpoint["hints"]?["forZones"]?[0]?["name"]?.string ?? endpoint["zone"]?.string
        // What is not told is taken for ready.
        if conditions?["ready"]?.bool ?? true {
          ready.append((host, port, zone))
        } else if conditions?["terminating"]?.bool == true, conditions?["serving"]?.bool == true {
          serving.append((host, port, zone))
        }
      }
    }
    return ready.isEmpty ? serving : ready
  }

  private static func port(_ wanted: String?, _ slice: JSONValue) -> UInt16? {
    let ports = slice["ports"]?.elements.filter { ($0["protocol"]?.string ?? "TCP") == "TCP" } ?? []
    if let wanted, let number = UInt16(wanted) { return number }
    let found = ports.first { wanted == nil ? ports.count == 1 : $0["name"]?.string == wanted }
    return found?["port"]?.int.flatMap { UInt16(exactly: $0) }
  }
}
