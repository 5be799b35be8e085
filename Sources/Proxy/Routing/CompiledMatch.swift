internal import Exchange
internal import HTTP

/// Who asks, as far as routes go by it.
@safe struct Asker {
  /// The client's address, IPv4 as mapped into IPv6; nil where it has none.
  var address: UInt128?
  /// The port of the listener.
  var port: UInt16
  /// Who the client has proven to be; empty where it has not.
  var name: UnsafeRawBufferPointer
}

/// What a request must be besides its host and path, in raw memory.
@safe struct CompiledMatch: BitwiseCopyable {
  @safe fileprivate struct Texts: BitwiseCopyable {
    let start: UnsafeMutablePointer<RawBytes>
    let count: Int

    init(_ all: [String], _ arena: Arena) {
      unsafe start = unsafe arena.array(of: RawBytes.self, count: all.count)
      count = all.count
      for (place, text) in all.enumerated() {
        unsafe (start + place).initialize(to: arena.bytes(Array(text.utf8)))
      }
    }

    /// Whether it is empty, or has some bytes among its texts.
    func allow(_ bytes: UnsafePointer<UInt8>?, _ length: Int) -> Bool {
      guard count > 0 else { return true }
      guard let bytes = unsafe bytes else { return false }
      for place in 0..<count where unsafe start[place].count == length {
        if unsafe start[place].begins(bytes, length) { return true }
      }
      return false
    }
  }

  fileprivate enum Test: BitwiseCopyable { case exact, prefix, present, absent }

  fileprivate struct Check: BitwiseCopyable {
    let name: RawBytes
    let test: Test
    let value: RawBytes

    init(_ match: Settings.ValueMatch, lowered: Bool, _ arena: Arena) {
      name = arena.bytes(Array((lowered ? match.name.lowercased() : match.name).utf8))
      let text: String
      switch match.test {
      case .exact(let value): (test, text) = (.exact, value)
      case .prefix(let value): (test, text) = (.prefix, value)
      case .present: (test, text) = (.present, "")
      case .absent: (test, text) = (.absent, "")
      }
      value = arena.bytes(Array(text.utf8))
    }

    /// Whether a value of its name is what it asks for.
    func takes(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> Bool {
      switch test {
      case .exact: unsafe value.count == length && value.begins(bytes, length)
      case .prefix: unsafe value.begins(bytes, length)
      case .present, .absent: true
      }
    }
  }

  @safe fileprivate struct Checks: BitwiseCopyable {
    let start: UnsafeMutablePointer<Check>
    let count: Int

    init(_ all: [Settings.ValueMatch], lowered: Bool, _ arena: Arena) {
      unsafe start = unsafe arena.array(of: Check.self, count: all.count)
      count = all.count
      for (place, match) in all.enumerated() {
        unsafe (start + place).initialize(to: Check(match, lowered: lowered, arena))
      }
    }
  }

  /// An address and the bits of it that count.
  fileprivate struct Range: BitwiseCopyable {
    let address: UInt128
    let mask: UInt128

    init(_ range: AddressRange) {
      let number = range.address.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
      let isV4 = range.address.count == 4
      let length = range.prefixLength + (isV4 ? 96 : 0)
      mask = length == 0 ? 0 : UInt128.max << UInt128(128 - length)
      address = (isV4 ? number | 0xFFFF_0000_0000 : number) & mask
    }
  }

  fileprivate let methods: Texts
  fileprivate let headers: Checks
  fileprivate let query: Checks
  fileprivate let names: Texts
  private let ranges: UnsafeMutablePointer<Range>
  private let rangeCount: Int
  private let ports: UnsafeMutablePointer<UInt16>
  private let portCount: Int

  init(_ match: Settings.RequestMatch, _ arena: Arena) {
    methods = Texts(match.methods, arena)
    headers = Checks(match.headers, lowered: true, arena)
    query = Checks(match.query, lowered: false, arena)
    names = Texts(match.clientCertificates, arena)
    rangeCount = match.clientAddresses.count
    unsafe ranges = unsafe arena.array(of: Range.self, count: rangeCount)
    for (place, range) in match.clientAddresses.enumerated() {
      unsafe (ranges + place).initialize(to: Range(range))
    }
    portCount = match.ports.count
    unsafe ports = unsafe arena.array(of: UInt16.self, count: portCount)
    for (place, port) in match.ports.enumerated() { unsafe (ports + place).initialize(to: port) }
  }

  /// Whether it takes requests of somebody.
  fileprivate func allows(_ asker: Asker) -> Bool {
    let name = unsafe asker.name.baseAddress?.assumingMemoryBound(to: UInt8.self)
    guard unsafe names.allow(asker.name.isEmpty ? nil : name, asker.name.count) else { return false }
    var isPort = portCount == 0
    for place in 0..<portCount where unsafe ports[place] == asker.port { isPort = true }
    guard isPort, rangeCount > 0 else { return isPort }
    guard let address = asker.address else { return false }
    for place in 0..<rangeCount {
      if unsafe address & ranges[place].mask == ranges[place].address { return true }
    }
    return false
  }
}

extension RawBytes {
  /// Whether other bytes begin with it.
  fileprivate func begins(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    guard count <= length else { return false }
    for place in 0..<count where unsafe start[place] != bytes[place] { return false }
    return true
  }
}

extension Desk {
  /// Whether the request that was read last is what a route wants.
  @inline(never)
  func holds(_ match: UnsafeMutablePointer<CompiledMatch>, _ base: UnsafePointer<UInt8>, _ asker: Asker)
    -> Bool
  {
    guard unsafe match.pointee.methods.allow(base, request.methodLength), unsafe match.pointee.allows(asker)
    else { return false }
    let (headers, query) = unsafe (match.pointee.headers, match.pointee.query)
    for place in 0..<headers.count {
      guard unsafe hasField(headers.start[place], base) else { return false }
    }
    for place in 0..<query.count {
      guard unsafe hasParameter(query.start[place], base) else { return false }
    }
    return true
  }

  private func hasField(_ check: CompiledMatch.Check, _ base: UnsafePointer<UInt8>) -> Bool {
    for i in 0..<fields.count where unsafe Int(fields.lines[i].nameLength) == check.name.count {
      let line = unsafe fields.lines[i]
      let name = unsafe base + Int(line.nameStart)
      var isSame = true
      for j in 0..<check.name.count where unsafe ASCII.lowered(name[j]) != check.name.start[j] {
        isSame = false
        break
      }
      guard isSame else { continue }
      if check.test == .absent { return false }
      if unsafe check.takes(base + Int(line.valueStart), Int(line.valueLength)) { return true }
    }
    return check.test == .absent
  }

  /// Names and values mean what they say once they are decoded, as forms write them.
  private func hasParameter(_ check: CompiledMatch.Check, _ base: UnsafePointer<UInt8>) -> Bool {
    let target = unsafe base + request.targetStart
    var at = unsafe request.pathLength(base) + 1
    while at < request.targetLength {
      var end = at
      while end < request.targetLength, unsafe target[end] != 0x26 { end += 1 }
      var equals = at
      while equals < end, unsafe target[equals] != 0x3D { equals += 1 }
      if unsafe Self.meets(target + at, equals - at, check.name).isWhole {
        if check.test == .absent { return false }
        let start = min(end, equals + 1)
        let (isWhole, begins) = unsafe Self.meets(target + start, end - start, check.value)
        if check.test == .present || isWhole || begins && check.test == .prefix { return true }
      }
      at = end + 1
    }
    return check.test == .absent
  }

  /// Whether a text, once it is decoded, is another one, or begins with it.
  private static func meets(
    _ text: UnsafePointer<UInt8>, _ count: Int, _ wanted: RawBytes
  ) -> (isWhole: Bool, begins: Bool) {
    func digit(_ c: UInt8) -> UInt8? {
      switch c {
      case 0x30...0x39: c - 0x30
      case 0x41...0x46: c - 0x37
      case 0x61...0x66: c - 0x57
      default: nil
      }
    }
    var (i, met) = (0, 0)
    while i < count {
      guard met < wanted.count else { return (false, true) }
      var byte = unsafe text[i]
      i += 1
      if byte == 0x2B { byte = 0x20 }
      if byte == 0x25, i + 1 < count, let high = unsafe digit(text[i]), let low = unsafe digit(text[i + 1]) {
        byte = high << 4 | low
        i += 2
      }
      guard unsafe byte == wanted.start[met] else { return (false, false) }
      met += 1
    }
    return (met == wanted.count, met == wanted.count)
  }
}
