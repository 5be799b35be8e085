import HTTP

/// A request for a file, read by the data plane's own parser.
struct FileRequest: Equatable {
  var method = ""
  /// The parts of its path, decoded; the last one is empty where it ends with a slash. Nil where it is none that could be there.
  var parts: [String]?
  /// The path as it came, without its query.
  var path = ""
  /// The first field of each name, in lower case.
  var fields: [String: String] = [:]
  /// Nothing more can be read behind it: it has content, or its connection is to end.
  var isLast = false

  /// The largest head, in bytes.
  static let maximumHeadBytes = 64 << 10
  /// The most field lines in a head.
  static let maximumFields = 200

  enum Reading: Equatable {
    case incomplete
    case refused
    case request(FileRequest, bytes: Int)
  }

  /// Reads what has come so far.
  static func read(_ bytes: [UInt8]) -> Reading {
    unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return .incomplete }
      switch unsafe HeadEnd.find(base, count: buffer.count, from: 0) {
      case .incomplete: return bytes.count < maximumHeadBytes ? .incomplete : .refused
      case .bareLineFeed: return .refused
      case .found(let count):
        var head = RequestHead()
        var lines = FieldSection(capacity: maximumFields)
        guard count <= maximumHeadBytes,
          unsafe RequestHead.parse(base, count: count, fields: &lines, into: &head) == nil
        else { return .refused }
        func text(_ start: Int, _ length: Int) -> String {
          unsafe String(decoding: UnsafeBufferPointer(start: base + start, count: length), as: UTF8.self)
        }
        var request = FileRequest(method: text(0, head.methodLength))
        request.path = unsafe text(head.targetStart, head.pathLength(base))
        request.parts = Self.parts(request.path)
        for index in 0..<lines.count {
          let line = unsafe lines.lines[index]
          let name = text(Int(line.nameStart), Int(line.nameLength)).lowercased()
          if request.fields[name] == nil {
            request.fields[name] = text(Int(line.valueStart), Int(line.valueLength))
          }
        }
        if case .none = head.framing {} else { request.isLast = true }
        if request.fields["connection"]?.lowercased() == "close" { request.isLast = true }
        return .request(request, bytes: count)
      }
    }
  }

  private static func parts(_ path: String) -> [String]? {
    guard path.hasPrefix("/") else { return nil }
    var parts: [String] = []
    for part in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      guard let text = PercentText.decode(part), !text.contains("/"), !text.contains("\0") else { return nil }
      parts.append(text)
    }
    return parts
  }
}

/// What files are by the ending of their names; text is UTF-8.
enum FileMediaType {
  private static let known: [String: String] = [
    "html": "text/html; charset=utf-8", "htm": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8", "mjs": "text/javascript; charset=utf-8",
    "json": "application/json",
    "map": "application/json", "webmanifest": "application/manifest+json", "xml": "application/xml",
    "txt": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif",
    "webp": "image/webp", "avif": "image/avif", "ico": "image/x-icon", "woff": "font/woff",
    "woff2": "font/woff2",
    "ttf": "font/ttf", "otf": "font/otf", "pdf": "application/pdf", "wasm": "application/wasm",
    "mp3": "audio/mpeg", "ogg": "audio/ogg", "wav": "audio/wav", "mp4": "video/mp4", "webm": "video/webm",
    "zip": "application/zip", "gz": "application/gzip", "onnx": "application/octet-stream",
  ]

  /// The type of a file of that name.
  static func of(_ name: String) -> String {
    let ending = name.split(separator: ".").last.map { $0.lowercased() } ?? ""
    return known[ending] ?? "application/octet-stream"
  }
}
