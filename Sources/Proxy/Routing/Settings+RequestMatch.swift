extension Settings {
  /// What a request must be besides its host and path for a route to take it. Fields have the names of the keys under
  /// `routes[].match`.
  public struct RequestMatch: Sendable, Equatable {
    /// Methods, of which it has one; empty for any.
    public var methods: [String] = []
    /// What its fields say.
    public var headers: [ValueMatch] = []
    /// What the parameters of its query say.
    public var query: [ValueMatch] = []
    /// Where its client is; empty for anywhere.
    public var clientAddresses: [AddressRange] = []
    /// Who its client has proven to be by a certificate; empty for anybody.
    public var clientCertificates: [String] = []
    /// Ports of listeners that it comes by; empty for any.
    public var ports: [UInt16] = []
    /// Every request.
    public init() {}
  }

  /// What a named value of a request must be.
  public struct ValueMatch: Sendable, Equatable {
    /// The name of the field, or of the parameter.
    public var name: String
    /// What is asked of its value.
    public var test: ValueTest
    /// A name and a test.
    public init(_ name: String, _ test: ValueTest) {
      self.name = name
      self.test = test
    }
  }

  /// What is asked of a value.
  public enum ValueTest: Sendable, Equatable {
    /// It is this.
    case exact(String)
    /// It begins so.
    case prefix(String)
    /// It is there.
    case present
    /// There is none.
    case absent
  }
}

extension Settings.RequestMatch {
  /// Whether every request is taken.
  public var isEmpty: Bool { self == Self() }

  /// How narrow it is: the greater one is asked first among routes of the same host and path.
  public var rank: Rank {
    let tests = (headers + query).map(\.test)
    let single = [!methods.isEmpty, !clientAddresses.isEmpty, !clientCertificates.isEmpty, !ports.isEmpty]
    let lengths = clientAddresses.map { $0.prefixLength + (16 - $0.address.count) * 8 }
    return Rank(
      conditions: single.count { $0 } + tests.count,
      exactValues: tests.count { if case .exact = $0 { true } else { false } },
      beginnings: tests.reduce(0) { sum, test in
        if case .prefix(let text) = test { sum + text.utf8.count } else { sum }
      },
      addressBits: lengths.min() ?? 0)
  }

  /// Narrowness: more conditions, then more whole values, then longer beginnings, then narrower address ranges.
  public struct Rank: Comparable, Sendable {
    let conditions: Int
    let exactValues: Int
    let beginnings: Int
    let addressBits: Int

    /// Whether the second one is narrower.
    public static func < (a: Self, b: Self) -> Bool {
      (a.conditions, a.exactValues, a.beginnings, a.addressBits)
        < (b.conditions, b.exactValues, b.beginnings, b.addressBits)
    }
  }

  /// Whether no request can be taken by both.
  public func excludes(_ other: Self) -> Bool {
    func areDisjoint<T: Hashable>(_ a: [T], _ b: [T]) -> Bool {
      !a.isEmpty && !b.isEmpty && Set(a).isDisjoint(with: b)
    }
    func collide(_ a: [Settings.ValueMatch], _ b: [Settings.ValueMatch], _ isSame: (String, String) -> Bool)
      -> Bool
    {
      a.contains { one in b.contains { isSame(one.name, $0.name) && one.test.excludes($0.test) } }
    }
    let rangesMeet = clientAddresses.contains { one in
      other.clientAddresses.contains { one.contains($0.address) || $0.contains(one.address) }
    }
    return areDisjoint(methods, other.methods) || areDisjoint(ports, other.ports)
      || areDisjoint(clientCertificates, other.clientCertificates)
      || !clientAddresses.isEmpty && !other.clientAddresses.isEmpty && !rangesMeet
      || collide(headers, other.headers) { $0.lowercased() == $1.lowercased() }
      || collide(query, other.query) { $0 == $1 }
  }
}

extension Settings.ValueTest {
  /// Whether no request with one value can be both. A field may come twice: then both may hold, and the narrower route,
  /// or the first of the file, has it.
  fileprivate func excludes(_ other: Self) -> Bool {
    switch (self, other) {
    case (.absent, .absent): false
    case (.absent, _), (_, .absent): true
    case (.exact(let a), .exact(let b)): a != b
    case (.exact(let a), .prefix(let b)): !a.hasPrefix(b)
    case (.prefix(let a), .exact(let b)): !b.hasPrefix(a)
    case (.prefix(let a), .prefix(let b)): !a.hasPrefix(b) && !b.hasPrefix(a)
    default: false
    }
  }
}

extension Settings.RequestMatch: CustomStringConvertible {
  /// In words, for whoever asks why a route takes a request.
  public var description: String {
    func words(_ kind: String, _ all: [Settings.ValueMatch]) -> [String] {
      all.map { one in
        switch one.test {
        case .exact(let value): "\(kind) \(one.name) is '\(value)'"
        case .prefix(let value): "\(kind) \(one.name) begins with '\(value)'"
        case .present: "\(kind) \(one.name) is there"
        case .absent: "\(kind) \(one.name) is not there"
        }
      }
    }
    var parts: [String] = []
    if !methods.isEmpty { parts.append("method \(methods.joined(separator: ", "))") }
    parts += words("header", headers) + words("query", query)
    if !clientAddresses.isEmpty {
      parts.append("client in \(clientAddresses.map(\.description).joined(separator: ", "))")
    }
    if !clientCertificates.isEmpty {
      parts.append("client certificate of \(clientCertificates.joined(separator: ", "))")
    }
    if !ports.isEmpty { parts.append("port \(ports.map(String.init).joined(separator: ", "))") }
    return parts.joined(separator: "; ")
  }
}

extension AddressRange: CustomStringConvertible {
  /// `10.0.0.0/8`
  public var description: String {
    if address.count == 4 { return address.map(String.init).joined(separator: ".") + "/\(prefixLength)" }
    let groups = stride(from: 0, to: 16, by: 2).map { place in
      String(UInt16(address[place]) << 8 | UInt16(address[place + 1]), radix: 16)
    }
    return groups.joined(separator: ":") + "/\(prefixLength)"
  }
}
