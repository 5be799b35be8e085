internal import Exchange
internal import HTTP
internal import Upstream

/// Finds the route of a request by host and path, on raw bytes, without allocation: a host is looked up by its hash, a path
/// segment by segment, so that how many routes there are does not matter.
///
/// The most specific host wins, then the most specific path, from its beginning: a word before a variable, a variable before
/// everything below. Of routes with the same host and path the narrowest match is asked first. A request that no path of an
/// exact host takes is looked up among the wildcards, then among the routes for every host.
///
/// Made on any thread, never changed.
@safe final class RouteTable: @unchecked Sendable {
  /// A route at a path.
  @safe private struct Rule: BitwiseCopyable {
    let route: Int
    /// What else a request must be; nil for nothing.
    let match: UnsafeMutablePointer<CompiledMatch>?
  }

  @safe private struct Rules: BitwiseCopyable {
    let start: UnsafeMutablePointer<Rule>
    let count: Int
  }

  /// What paths have in common up to a slash.
  @safe private struct Node: BitwiseCopyable {
    /// Segments that may follow, by their hash.
    let words: Words
    /// Where any segment may follow.
    let variable: UnsafeMutablePointer<Node>?
    /// Paths that end here.
    let ends: Rules
    /// Those that take all below.
    let below: Rules
    /// Whether anything may follow that makes a difference.
    let leads: Bool
  }

  /// Names that lead to a node, in slots by their hash.
  @safe private struct Words: BitwiseCopyable {
    @safe struct Slot: BitwiseCopyable {
      let name: RawBytes
      let node: UnsafeMutablePointer<Node>?
    }

    let slots: UnsafeMutablePointer<Slot>
    /// One less than how many slots there are, a power of two; -1 for none.
    let mask: Int
  }

  private let memory: Arena
  private let exact: Words
  private let wildcards: Words
  private let anyHost: UnsafeMutablePointer<Node>?

  /// The table of those routes that are wanted; their places in the list are what is found.
  init(_ routes: [Settings.Route], where isWanted: (Settings.Route) -> Bool) {
    let memory = Arena()
    self.memory = memory
    var byHost: [String: NodeBuilder] = [:]
    for (index, route) in routes.enumerated() where isWanted(route) {
      let match = route.match.isEmpty ? nil : unsafe memory.value(CompiledMatch(route.match, memory))
      for host in route.hosts.isEmpty ? ["*"] : route.hosts {
        let root = byHost[host.lowercased()] ?? NodeBuilder()
        byHost[host.lowercased()] = root
        for path in route.paths.isEmpty ? [.prefix("/")] : route.paths {
          unsafe root.add(path, NodeBuilder.Rule(route: index, rank: route.match.rank, match: match))
        }
      }
    }
    var (names, suffixes): ([([UInt8], NodeBuilder)], [([UInt8], NodeBuilder)]) = ([], [])
    for (host, root) in byHost where host != "*" {
      if host.hasPrefix("*.") {
        suffixes.append((Array(host.utf8.dropFirst()), root))
      } else {
        // An IPv6 address stands in brackets in a request (RFC 3986 §3.2.2).
        let name = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        names.append((Array(name.utf8), root))
      }
    }
    exact = Self.words(names, memory)
    wildcards = Self.words(suffixes, memory)
    unsafe anyHost = byHost["*"].map { unsafe Self.node($0, memory) }
  }

  /// The index of the route, or -1. `holds` says whether the request is what a route wants besides.
  @inline(__always)
  func find(
    host: UnsafePointer<UInt8>, _ hostLength: Int, path: UnsafePointer<UInt8>, _ pathLength: Int,
    holds: (UnsafeMutablePointer<CompiledMatch>) -> Bool
  ) -> Int {
    var length = hostLength
    if length > 0, unsafe host[length - 1] == 0x2E { length -= 1 }
    if exact.mask >= 0, let root = unsafe Self.named(exact, host, length) {
      let found = unsafe Self.enter(root, path, pathLength, holds)
      if found >= 0 { return found }
    }
    if wildcards.mask >= 0 {
      // `*.example.com` stands for exactly one label before it.
      var label = 0
      while label < length, unsafe host[label] != 0x2E { label += 1 }
      if label > 0, let root = unsafe Self.named(wildcards, host + label, length - label) {
        let found = unsafe Self.enter(root, path, pathLength, holds)
        if found >= 0 { return found }
      }
    }
    guard let anyHost = unsafe anyHost else { return -1 }
    return unsafe Self.enter(anyHost, path, pathLength, holds)
  }

  /// The route of a host's path: for most hosts there is but one way.
  @inline(__always)
  private static func enter(
    _ root: UnsafeMutablePointer<Node>, _ path: UnsafePointer<UInt8>, _ length: Int,
    _ holds: (UnsafeMutablePointer<CompiledMatch>) -> Bool
  ) -> Int {
    guard unsafe root.pointee.leads else {
      return unsafe length > 0 && path[0] == 0x2F ? first(root.pointee.below, holds) : -1
    }
    return unsafe look(root, path, 0, length, holds)
  }

  /// Each node is met once at most: a path has one beginning of each length.
  private static func look(
    _ node: UnsafeMutablePointer<Node>, _ path: UnsafePointer<UInt8>, _ from: Int, _ length: Int,
    _ holds: (UnsafeMutablePointer<CompiledMatch>) -> Bool
  ) -> Int {
    guard from < length else { return unsafe first(node.pointee.ends, holds) }
    guard unsafe path[from] == 0x2F else { return -1 }
    if unsafe node.pointee.leads {
      let start = from + 1
      var end = start
      var hash: UInt64 = 0xCBF2_9CE4_8422_2325
      while end < length, unsafe path[end] != 0x2F {
        hash = unsafe (hash ^ UInt64(path[end])) &* 0x100_0000_01B3
        end += 1
      }
      if let next = unsafe word(node.pointee.words, path + start, end - start, hash ^ hash >> 32) {
        let found = unsafe look(next, path, end, length, holds)
        if found >= 0 { return found }
      }
      if end > start, let next = unsafe node.pointee.variable {
        let found = unsafe look(next, path, end, length, holds)
        if found >= 0 { return found }
      }
    }
    return unsafe first(node.pointee.below, holds)
  }

  @inline(__always)
  private static func first(_ rules: Rules, _ holds: (UnsafeMutablePointer<CompiledMatch>) -> Bool) -> Int {
    for place in 0..<rules.count {
      guard let match = unsafe rules.start[place].match else { return unsafe rules.start[place].route }
      if unsafe holds(match) { return unsafe rules.start[place].route }
    }
    return -1
  }

  private static func word(_ words: Words, _ text: UnsafePointer<UInt8>, _ length: Int, _ hash: UInt64)
    -> UnsafeMutablePointer<Node>?
  {
    guard words.mask >= 0 else { return nil }
    var slot = Int(truncatingIfNeeded: hash) & words.mask
    while let node = unsafe words.slots[slot].node {
      let name = unsafe words.slots[slot].name
      var isSame = name.count == length
      for i in 0..<(isSame ? length : 0) where unsafe name.start[i] != text[i] {
        isSame = false
        break
      }
      if isSame { return unsafe node }
      slot = (slot + 1) & words.mask
    }
    return nil
  }

  /// The node of a host in any letter case.
  private static func named(_ words: Words, _ host: UnsafePointer<UInt8>, _ length: Int)
    -> UnsafeMutablePointer<Node>?
  {
    var slot = unsafe Int(truncatingIfNeeded: hash(host, length)) & words.mask
    while let node = unsafe words.slots[slot].node {
      let name = unsafe words.slots[slot].name
      var isSame = name.count == length
      for i in 0..<(isSame ? length : 0) where unsafe name.start[i] != ASCII.lowered(host[i]) {
        isSame = false
        break
      }
      if isSame { return unsafe node }
      slot = (slot + 1) & words.mask
    }
    return nil
  }

  private static func hash(_ p: UnsafePointer<UInt8>, _ length: Int) -> UInt64 {
    var h: UInt64 = 0xCBF2_9CE4_8422_2325
    for i in 0..<length { h = unsafe (h ^ UInt64(ASCII.lowered(p[i]))) &* 0x100_0000_01B3 }
    return h ^ h >> 32
  }
}

/// A node of a table while it is made.
private final class NodeBuilder {
  @safe struct Rule {
    let route: Int
    let rank: Settings.RequestMatch.Rank
    let match: UnsafeMutablePointer<CompiledMatch>?
  }

  var words: [[UInt8]: NodeBuilder] = [:]
  var variable: NodeBuilder?
  var ends: [Rule] = []
  var below: [Rule] = []

  func add(_ path: Settings.PathMatch, _ rule: Rule) {
    var node = self
    for segment in path.segments {
      if segment.isVariable {
        let next = node.variable ?? NodeBuilder()
        node.variable = next
        node = next
      } else {
        let next = node.words[segment.text] ?? NodeBuilder()
        node.words[segment.text] = next
        node = next
      }
    }
    if path.isOpen { node.below.append(rule) }
    if path.isClosed { node.ends.append(rule) }
  }
}

extension Settings.PathMatch {
  /// A part between slashes.
  fileprivate struct Segment {
    let text: [UInt8]
    let isVariable: Bool
  }

  /// The parts behind slashes, without what stands for all below.
  fileprivate var segments: [Segment] {
    let (text, hasVariables): (Substring, Bool) =
      switch self {
      case .exact(let path): (path[...], false)
      case .prefix(let path): (path.hasSuffix("/") ? path.dropLast() : path[...], false)
      case .template(let path): (path.hasSuffix("/*") ? path.dropLast(2) : path[...], true)
      }
    return text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { part in
      Segment(text: Array(part.utf8), isVariable: hasVariables && part.hasPrefix("{"))
    }
  }

  /// It takes what is below.
  fileprivate var isOpen: Bool {
    switch self {
    case .exact: false
    case .prefix: true
    case .template(let path): path.hasSuffix("/*")
    }
  }

  /// It takes the path itself.
  fileprivate var isClosed: Bool {
    switch self {
    case .exact: true
    case .prefix(let path): !path.hasSuffix("/")
    case .template(let path): !path.hasSuffix("/*")
    }
  }
}

extension RouteTable {
  private static func node(_ builder: NodeBuilder, _ arena: Arena) -> UnsafeMutablePointer<Node> {
    unsafe arena.value(
      Node(
        words: words(Array(builder.words).map { ($0.key, $0.value) }, arena),
        variable: builder.variable.map { unsafe node($0, arena) }, ends: rules(builder.ends, arena),
        below: rules(builder.below, arena), leads: !builder.words.isEmpty || builder.variable != nil))
  }

  /// The narrowest first, and of equals the first of the file.
  private static func rules(_ all: [NodeBuilder.Rule], _ arena: Arena) -> Rules {
    let sorted = all.sorted { a, b in
      a.rank == b.rank ? a.route < b.route : a.rank > b.rank
    }
    let start = unsafe arena.array(of: Rule.self, count: sorted.count)
    for place in sorted.indices {
      unsafe (start + place).initialize(to: Rule(route: sorted[place].route, match: sorted[place].match))
    }
    return unsafe Rules(start: start, count: sorted.count)
  }

  private static func words(_ all: [([UInt8], NodeBuilder)], _ arena: Arena) -> Words {
    guard !all.isEmpty else {
      return unsafe Words(slots: arena.array(of: Words.Slot.self, count: 1), mask: -1)
    }
    var size = 4
    while size < all.count * 2 { size *= 2 }
    let slots = unsafe arena.array(of: Words.Slot.self, count: size)
    let none = arena.bytes([])
    for place in 0..<size { unsafe (slots + place).initialize(to: Words.Slot(name: none, node: nil)) }
    for (name, builder) in all {
      let text = arena.bytes(name)
      var slot = unsafe Int(truncatingIfNeeded: hash(text.start, text.count)) & (size - 1)
      while unsafe slots[slot].node != nil { slot = (slot + 1) & (size - 1) }
      unsafe slots[slot] = unsafe Words.Slot(name: text, node: node(builder, arena))
    }
    return unsafe Words(slots: slots, mask: size - 1)
  }

  /// The place of the route that takes a request, by its host and by the path that it means; -1 for none. `scratch` has room
  /// for a path, and `holds` does not write there.
  @inline(__always)
  func find(
    _ request: RequestHead, _ base: UnsafePointer<UInt8>, scratch: UnsafeMutablePointer<UInt8>,
    holds: (UnsafeMutablePointer<CompiledMatch>) -> Bool
  ) -> Int {
    let host = unsafe base + request.hostStart
    let path = unsafe base + request.targetStart
    let (count, isPlain) = unsafe MatchedPath.scan(path, request.targetLength)
    // An absolute URL without a path, and `*`, belong to the root.
    guard count > 0, unsafe path[0] == 0x2F else {
      return unsafe find(host: host, request.hostLength, path: Self.slash.utf8Start, 1, holds: holds)
    }
    if isPlain { return unsafe find(host: host, request.hostLength, path: path, count, holds: holds) }
    return unsafe findOdd(host: host, request.hostLength, path: path, count, scratch, holds)
  }

  @inline(never)
  private func findOdd(
    host: UnsafePointer<UInt8>, _ hostLength: Int, path: UnsafePointer<UInt8>, _ count: Int,
    _ scratch: UnsafeMutablePointer<UInt8>, _ holds: (UnsafeMutablePointer<CompiledMatch>) -> Bool
  ) -> Int {
    let meant = unsafe MatchedPath.write(path, count, into: scratch)
    let found = unsafe find(host: host, hostLength, path: scratch, meant, holds: holds)
    guard unsafe MatchedPath.hidesSlash(path, count) else { return found }
    // A backend that takes it for a slash must not be reached past the route that is for what it reads.
    let read = unsafe MatchedPath.write(path, count, into: scratch, opensSlashes: true)
    let other = unsafe find(host: host, hostLength, path: scratch, read, holds: holds)
    return found == other ? found : Self.ambiguous
  }

  private static let slash: StaticString = "/"

  /// No place: an encoded slash makes it a matter of taste which route is meant.
  static let ambiguous = -2
}

extension Snapshot {
  /// The route of a server name that leads to a service spoken to in TCP, or nil.
  func passage(_ name: UnsafePointer<UInt8>, _ count: Int) -> UnsafeMutablePointer<CompiledRoute>? {
    let root: StaticString = "/"
    guard let serverNames else { return nil }
    let index = unsafe serverNames.find(host: name, count, path: root.utf8Start, 1) { _ in true }
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
