import TestRun
import Testing

@testable import Proxy

@Suite("The table of routes", .ownThread) struct RouteTableTests {
  /// Which route a host and a path find where every other condition holds.
  private func find(_ table: RouteTable, _ host: String, _ path: String, holds: Bool = true) -> Int {
    let (host, path) = (Array(host.utf8), Array(path.utf8))
    return unsafe host.withUnsafeBufferPointer { name in
      unsafe path.withUnsafeBufferPointer { place in
        guard let name = name.baseAddress, let start = place.baseAddress else { return -1 }
        return unsafe table.find(host: name, host.count, path: start, path.count) { _ in holds }
      }
    }
  }

  @Test(
    "from its beginning a word comes before a variable, and a variable before all that is below",
    arguments: [
      ("/v1/models/a", 1), ("/v1/models/", 0), ("/v1/models", 2), ("/v1/models/a/b", 0), ("/v1/other", 2),
      ("/v1/list", 3), ("/v1/list/files", 5), ("/v1/x/files", 4), ("/v1/x/files/y", 0), ("/v1/list/z", 0),
      ("/", -1), ("/v1", -1), ("/v1/", 0), ("/t/a", -1), ("/t/a/", 6), ("/t/a/b/c", 6), ("/t//", -1),
    ])
  func order(_ path: String, _ expected: Int) {
    let paths: [Settings.PathMatch] = [
      .prefix("/v1/"), .template("/v1/models/{model}"), .template("/v1/{name}"), .exact("/v1/list"),
      .template("/v1/{name}/files"), .exact("/v1/list/files"), .template("/t/{tenant}/*"),
    ]
    let table = RouteTable(paths.map { .init(hosts: [], paths: [$0], service: 0) }) { _ in true }
    #expect(find(table, "h", path) == expected)
  }

  @Test("what a more specific path's conditions leave over goes to less specific paths and hosts")
  func leftOver() {
    var routes: [Settings.Route] = [
      .init(hosts: [], paths: [], service: 0), .init(hosts: ["a.test"], paths: [.prefix("/v1/")], service: 0),
      .init(hosts: ["a.test"], paths: [.exact("/v1/x")], service: 0),
      .init(hosts: ["a.test"], paths: [.template("/{a}/x")], service: 0),
      .init(hosts: ["b.test"], paths: [.exact("/x")], service: 0),
    ]
    for place in 2...4 { routes[place].match.methods = ["PUT"] }
    let table = RouteTable(routes) { _ in true }
    #expect(find(table, "a.test", "/v1/x") == 2 && find(table, "a.test", "/v1/x", holds: false) == 1)
    #expect(find(table, "a.test", "/v2/x") == 3 && find(table, "a.test", "/v2/x", holds: false) == 0)
    #expect(find(table, "b.test", "/x") == 4 && find(table, "b.test", "/x", holds: false) == 0)
  }

  @Test("each of many routes is found, by host and by path")
  func many() {
    let count = 2000
    var routes = (0..<count).map { Settings.Route(hosts: ["h\($0).test"], paths: [], service: 0) }
    routes += (0..<count).map { Settings.Route(hosts: ["*.w\($0).test"], paths: [], service: 0) }
    routes += (0..<count).map { Settings.Route(hosts: [], paths: [.prefix("/p\($0)/")], service: 0) }
    let table = RouteTable(routes) { _ in true }
    for place in stride(from: 0, to: count, by: 97) {
      #expect(find(table, "H\(place).test", "/") == place)
      #expect(find(table, "x.w\(place).test", "/") == count + place)
      #expect(find(table, "x.y.w\(place).test", "/p\(place)/") == 2 * count + place)
    }
  }

  @Test("more conditions, whole values, longer beginnings and narrower ranges come first")
  func ranks() throws {
    func match(_ edit: (inout Settings.RequestMatch) -> Void) -> Settings.RequestMatch {
      var match = Settings.RequestMatch()
      edit(&match)
      return match
    }
    let wide = try #require(AddressRange(address: [10, 0, 0, 0], prefixLength: 8))
    let narrow = try #require(AddressRange(address: [10, 1, 0, 0], prefixLength: 16))
    let ordered = [
      match { _ in }, match { $0.clientAddresses = [wide] }, match { $0.clientAddresses = [narrow] },
      match { $0.headers = [.init("a", .prefix("b"))] }, match { $0.headers = [.init("a", .prefix("bc"))] },
      match { $0.headers = [.init("a", .exact("b"))] },
      match {
        $0.methods = ["GET"]
        $0.ports = [1]
      },
    ]
    for (one, next) in zip(ordered, ordered.dropFirst())
    where one.clientAddresses.isEmpty || !next.clientAddresses.isEmpty {
      #expect(one.rank < next.rank, "\(one) and \(next)")
    }
    #expect(match { $0.methods = ["GET"] }.excludes(match { $0.methods = ["PUT"] }))
    #expect(!match { $0.methods = ["GET"] }.excludes(match { $0.headers = [.init("a", .present)] }))
    #expect(
      match { $0.query = [.init("a", .absent)] }.excludes(match { $0.query = [.init("a", .exact("1"))] }))
    #expect(!match { $0.clientAddresses = [wide] }.excludes(match { $0.clientAddresses = [narrow] }))
  }
}
