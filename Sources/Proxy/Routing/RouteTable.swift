internal import HTTP
internal import Upstream

/// Finds the route of a request by host and path, on raw bytes, without allocation.
///
/// The most specific host wins, then the longest path; a request that no path of an exact host takes is looked
/// up among the wildcards, then among the routes for every host.
///
/// Made on any thread, used by one.
final class RouteTable: @unchecked Sendable {
  private struct HostEntry {
    let name: [UInt8]
    let rules: [Rule]
  }

  private struct Rule {
    let path: [UInt8]
    let isPrefix: Bool
    let route: Int32
  }

  private var exact: [HostEntry] = []
  private var slots: [Int32] = []
  private var wildcards: [HostEntry] = []
  private var anyHost: [Rule] = []

  /// The table of those routes that are wanted; their places in the list are what is found.
  init(_ routes: [Settings.Route], where isWanted: (Settings.Route) -> Bool) {
    var byHost: [String: [Rule]] = [:]
    for (index, route) in routes.enumerated() where isWanted(route) {
      let paths: [Settings.PathMatch] = route.paths.isEmpty ? [.prefix("/")] : route.paths
      let rules = paths.map { path in
        switch path {
        case .exact(let text): Rule(path: Array(text.utf8), isPrefix: false, route: Int32(index))
        case .prefix(let text): Rule(path: Array(text.utf8), isPrefix: true, route: Int32(index))
        }
      }
      for host in route.hosts.isEmpty ? ["*"] : route.hosts {
        byHost[host.lowercased(), default: []] += rules
      }
    }
    for (host, rules) in byHost {
      let sorted = Self.bySpecificity(rules)
      if host == "*" {
        anyHost = sorted
      } else if host.hasPrefix("*.") {
        wildcards.append(HostEntry(name: Array(host.utf8.dropFirst()), rules: sorted))
      } else {
        // An IPv6 address stands in brackets in a request (RFC 3986 §3.2.2).
        let name = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        exact.append(HostEntry(name: Array(name.utf8), rules: sorted))
      }
    }
    buildSlots()
  }

  /// The index of the route, or -1.
  func find(
    host: UnsafePointer<UInt8>, _ hostLength: Int, path: UnsafePointer<UInt8>, _ pathLength: Int
  ) -> Int {
    var length = hostLength
    if length > 0, unsafe host[length - 1] == 0x2E { length -= 1 }
    if !exact.isEmpty {
      var slot = unsafe Int(Self.hash(host, length) & UInt64(slots.count - 1))
      while slots[slot] >= 0 {
        let entry = Int(slots[slot])
        if unsafe Self.same(exact[entry].name, host, length) {
          if let route = unsafe Self.match(exact[entry].rules, path, pathLength) { return route }
          break
        }
        slot = (slot + 1) & (slots.count - 1)
      }
    }
    for entry in wildcards.indices where unsafe Self.matches(wildcard: wildcards[entry].name, host, length) {
      if let route = unsafe Self.match(wildcards[entry].rules, path, pathLength) { return route }
    }
    return unsafe Self.match(anyHost, path, pathLength) ?? -1
  }

  private static func bySpecificity(_ rules: [Rule]) -> [Rule] {
    rules.enumerated().sorted { a, b in
      if a.element.path.count != b.element.path.count { return a.element.path.count > b.element.path.count }
      if a.element.isPrefix != b.element.isPrefix { return !a.element.isPrefix }
      return a.offset < b.offset
    }.map(\.element)
  }

  private func buildSlots() {
    var size = 4
    while size < exact.count * 2 { size *= 2 }
    slots = Array(repeating: -1, count: size)
    for (index, entry) in exact.enumerated() {
      var slot = unsafe Int(
        entry.name.withUnsafeBufferPointer { buffer in
          unsafe buffer.baseAddress.map { unsafe Self.hash($0, buffer.count) } ?? 0
        } & UInt64(size - 1))
      while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
      slots[slot] = Int32(index)
    }
  }

  private static func match(_ rules: [Rule], _ path: UnsafePointer<UInt8>, _ length: Int) -> Int? {
    for index in rules.indices {
      let count = rules[index].path.count
      if rules[index].isPrefix ? count <= length : count == length {
        let same = unsafe rules[index].path.withUnsafeBufferPointer { buffer in
          for i in 0..<count where unsafe buffer[i] != path[i] { return false }
          return true
        }
        if same { return Int(rules[index].route) }
      }
    }
    return nil
  }

  /// `.example.com` stands for exactly one label before it.
  private static func matches(wildcard suffix: [UInt8], _ host: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    let label = length - suffix.count
    guard label > 0 else { return false }
    for i in 0..<label where unsafe host[i] == 0x2E { return false }
    return unsafe same(suffix, host + label, suffix.count)
  }

  private static func same(_ name: [UInt8], _ host: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    guard name.count == length else { return false }
    for i in 0..<length where unsafe name[i] != lowered(host[i]) { return false }
    return true
  }

  private static func hash(_ p: UnsafePointer<UInt8>, _ length: Int) -> UInt64 {
    var h: UInt64 = 0xCBF2_9CE4_8422_2325
    for i in 0..<length { h = unsafe (h ^ UInt64(lowered(p[i]))) &* 0x100_0000_01B3 }
    return h ^ h >> 32
  }

  @inline(__always)
  private static func lowered(_ c: UInt8) -> UInt8 { c >= 0x41 && c <= 0x5A ? c | 0x20 : c }
}

extension Snapshot {
  /// The route of a server name that leads to a service spoken to in TCP, or nil.
  func passage(_ name: UnsafePointer<UInt8>, _ count: Int) -> UnsafeMutablePointer<CompiledRoute>? {
    let root: StaticString = "/"
    guard let serverNames else { return nil }
    let index = unsafe serverNames.find(host: name, count, path: root.utf8Start, 1)
    guard index >= 0, unsafe compiledRoutes[index].service.pointee.isPassage else { return nil }
    return unsafe compiledRoutes + index
  }

  /// Tells TLS which server names get no protocol of ours (RFC 7301): what is spoken behind them is not ours to say.
  var passesUnread: ((String) -> Bool)? {
    guard serverNames != nil else { return nil }
    return { name in
      var name = name
      return name.withUTF8 { text in
        // The empty name, of clients that ask for none, has no address.
        unsafe text.baseAddress.map { unsafe self.passage($0, text.count) != nil }
          ?? self.passesNamelessUnread
      }
    }
  }

  private var passesNamelessUnread: Bool { unsafe passage(StaticString("").utf8Start, 0) != nil }
}

extension Settings.Route {
  /// The same whatever the path: a server name has none.
  var forEveryPath: Settings.Route {
    var route = Settings.Route(hosts: hosts, paths: [], service: service)
    route.rules.clientCertificate = rules.clientCertificate
    return route
  }
}
