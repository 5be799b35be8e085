internal import Exchange
internal import HTTP

/// What a route does besides choosing a service, in raw memory; most routes have none of it.
@safe struct CompiledActions: BitwiseCopyable {
  /// Whether requests are sent elsewhere, or answered by us.
  let redirects: Bool
  let responds: Bool
  /// The most content of a request, in bytes.
  let bodyLimit: UInt64
  /// Who is asked whether requests may go on; nil for nobody. The settings keep it.
  let gate: Unmanaged<RouteGate>?
  /// Who shares the requests; nil where one service has all.
  var split: UnsafeMutablePointer<CompiledSplit>?
  /// How many requests a client may send; nil for no limit. The settings keep it.
  let rates: Unmanaged<RateTable>?
  /// The field that tells clients apart, in lower case; empty to go by addresses.
  let rateHeader: RawBytes
  /// Fields with values of the request.
  let requestLines: ValueLines
  let responseLines: ValueLines
  /// Error pages, by status.
  let pages: UnsafeMutablePointer<CompiledPage>
  let pageCount: Int
  /// Whether backends' errors are replaced by them.
  let intercepts: Bool

  /// Nil for a route that has none of it.
  init?(_ route: Settings.Route, _ arena: Arena) {
    let rules = route.rules
    let edits = rules.headers
    requestLines = ValueLines(edits.request.set + edits.request.add, route.paths, arena)
    responseLines = ValueLines(edits.response.set + edits.response.add, route.paths, arena)
    (redirects, responds) = (rules.redirect != nil, rules.respond != nil)
    bodyLimit = rules.limits.body.map { UInt64($0) } ?? .max
    unsafe gate = route.gate.map { unsafe Unmanaged.passUnretained($0) }
    unsafe rates = route.rates.map { unsafe Unmanaged.passUnretained($0) }
    rateHeader = arena.bytes(Array((rules.limits.header ?? "").lowercased().utf8))
    intercepts = rules.interceptErrors
    pageCount = rules.errors.count
    unsafe pages = unsafe arena.array(of: CompiledPage.self, count: pageCount)
    for (place, page) in rules.errors.sorted(by: { $0.key < $1.key }).enumerated() {
      unsafe (pages + place).initialize(
        to: CompiledPage(
          status: page.key, body: arena.bytes(page.value.body),
          type: arena.bytes(Array(page.value.contentType.utf8))))
    }
    let hasLines = requestLines.count + responseLines.count > 0
    guard
      redirects || responds || bodyLimit < .max || route.rates != nil || route.gate != nil
        || !route.split.isEmpty || hasLines
        || pageCount > 0
    else {
      return nil
    }
  }

  /// The page for a status of an error.
  func page(_ status: Int) -> CompiledPage? {
    for place in 0..<pageCount where unsafe pages[place].status == status { return unsafe pages[place] }
    return nil
  }
}

/// Content of an error.
struct CompiledPage: BitwiseCopyable {
  let status: Int
  let body: RawBytes
  let type: RawBytes
}

/// Field lines with values of the request.
@safe struct ValueLines: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    case text, clientIP, host, method, path, query, serverName, tlsVersion, clientName, requestID, header,
      cookie
    case segment
  }

  struct Part: BitwiseCopyable {
    let kind: Kind
    /// The text, or the name of a field or cookie; a field's in lower case.
    let text: RawBytes
    /// Which part of the path.
    let segment: Int
  }

  /// All pieces, one line behind another: names, colons and line ends are texts.
  let parts: UnsafeMutablePointer<Part>
  let count: Int

  /// Those of the fields that are not the same for every request.
  init(_ fields: [Fields.Field], _ paths: [Settings.PathMatch], _ arena: Arena) {
    var all: [Part] = []
    func add(_ kind: Kind, _ text: String = "", segment: Int = 0) {
      all.append(Part(kind: kind, text: arena.bytes(Array(text.utf8)), segment: segment))
    }
    for field in fields where !ValueText(field.value).isConstant && !HeadEdits.framesContent(field.name) {
      add(.text, "\(field.name): ")
      for part in ValueText(field.value).parts {
        switch part {
        case .text(let text): add(.text, text)
        case .clientIP: add(.clientIP)
        case .host: add(.host)
        case .method: add(.method)
        case .path: add(.path)
        case .query: add(.query)
        case .serverName: add(.serverName)
        case .tlsVersion: add(.tlsVersion)
        case .clientName: add(.clientName)
        case .requestID: add(.requestID)
        case .header(let name): add(.header, name.lowercased())
        case .cookie(let name): add(.cookie, name)
        case .variable(let name):
          if let place = paths.place(ofVariable: name) { add(.segment, segment: place) }
        }
      }
      add(.text, "\r\n")
    }
    count = all.count
    unsafe parts = unsafe arena.array(of: Part.self, count: count)
    for (place, part) in all.enumerated() { unsafe (parts + place).initialize(to: part) }
  }
}
