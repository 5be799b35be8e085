import OS

/// Gives out the files of one directory by a Unix socket, which the proxy passes requests of a route with `root` to. Each
/// connection has a thread of its own: a disk that is slow holds nobody else up, and no worker.
final class FileServer: Sendable {
  /// The most connections at once; more are closed at once.
  static let maximumConnections = 256
  /// How long a connection may say nothing, and a reader take nothing, in milliseconds.
  static let patienceMilliseconds: Int32 = 60_000
  /// What is read and sent at a time, in bytes.
  static let pieceBytes = 64 << 10
  /// What a directory shows.
  static let index = "index.html"

  let path: String
  private let threads: ConnectionThreads
  private let root: FolderRoot

  /// Listens at a path for the files of a directory.
  init(_ directory: String, at path: String) throws(SystemError) {
    self.path = path
    threads = ConnectionThreads(try ListeningSocket.open(unixPath: path), maximum: Self.maximumConnections)
    root = FolderRoot(directory)
    try threads.start("certd-files") { self.serve($0) }
  }

  /// Takes no further connection; the socket goes.
  func close() {
    threads.close()
    try? FileSystem().unlinkIfPresent(path)
  }

  private func serve(_ connection: consuming Descriptor) {
    var bytes: [UInt8] = []
    while !threads.isClosed {
      switch FileRequest.read(bytes) {
      case .refused:
        _ = send(connection.number, FileAnswer(400), head: false, nil, isLast: true)
        return
      case .request(let request, let count):
        bytes.removeFirst(count)
        guard answer(connection.number, request), !request.isLast else { return }
      case .incomplete:
        guard let more = receive(connection.number), !more.isEmpty else { return }
        bytes += more
      }
    }
  }

  private func receive(_ fd: Int32) -> [UInt8]? {
    while Sys.wait(fd, milliseconds: Self.patienceMilliseconds) {
      var piece = [UInt8](repeating: 0, count: 16 << 10)
      let count = unsafe piece.withUnsafeMutableBytes { buffer in
        unsafe buffer.baseAddress.map { unsafe Sys.recv(fd, $0, buffer.count) } ?? 0
      }
      if count == Sys.wouldBlock { continue }
      return count > 0 ? Array(piece[..<count]) : nil
    }
    return nil
  }

  /// False when the connection is of no further use.
  private func answer(_ fd: Int32, _ request: FileRequest) -> Bool {
    let isHead = request.method == "HEAD"
    guard isHead || request.method == "GET" else {
      return send(fd, FileAnswer(405, [("Allow", "GET, HEAD")]), head: false, nil, isLast: request.isLast)
    }
    guard var parts = request.parts else { return missing(fd, request, isHead) }
    let isFolder = parts.last == ""
    if isFolder { parts[parts.count - 1] = Self.index }
    guard let name = parts.last, let found = root.open(parts) else { return missing(fd, request, isHead) }
    guard found.status.kind == .file else {
      guard found.status.kind == .directory, !isFolder, let last = request.path.split(separator: "/").last
      else {
        return missing(fd, request, isHead)
      }
      // From where it stands, whatever the route has taken off before it.
      let move = FileAnswer(301, [("Location", "\(last)/")])
      return send(fd, move, head: isHead, nil, isLast: request.isLast)
    }
    let type = FileMediaType.of(name)
    var isPacked = false
    if let packed = root.open(parts.dropLast() + ["\(name).gz"]), packed.status.kind == .file {
      isPacked = true
      if Self.takesGzip(request.fields["accept-encoding"] ?? "") {
        let answer = FileAnswer(request, packed.status, mediaType: type, coding: "gzip", varies: true)
        return send(fd, answer, head: isHead, packed.descriptor.number, isLast: request.isLast)
      }
    }
    let answer = FileAnswer(request, found.status, mediaType: type, coding: nil, varies: isPacked)
    return send(fd, answer, head: isHead, found.descriptor.number, isLast: request.isLast)
  }

  private static func takesGzip(_ accepted: String) -> Bool {
    accepted.lowercased().split(separator: ",").contains { one in
      let parts = one.split(separator: ";").map { $0.filter { $0 != " " } }
      return parts.first == "gzip"
        && !parts.contains { $0 == "q=0" || $0 == "q=0.0" || $0 == "q=0.00" || $0 == "q=0.000" }
    }
  }

  private func missing(_ fd: Int32, _ request: FileRequest, _ isHead: Bool) -> Bool {
    send(fd, FileAnswer(404), head: isHead, nil, isLast: request.isLast)
  }

  private static let reasons = [
    200: "OK", 206: "Partial Content", 301: "Moved Permanently", 304: "Not Modified", 400: "Bad Request",
    404: "Not Found", 405: "Method Not Allowed", 416: "Range Not Satisfiable",
  ]

  private func send(_ fd: Int32, _ answer: FileAnswer, head isHead: Bool, _ file: Int32?, isLast: Bool)
    -> Bool
  {
    var text = "HTTP/1.1 \(answer.status) \(Self.reasons[answer.status] ?? "")\r\n"
    for field in answer.fields { text += "\(field.name): \(field.value)\r\n" }
    if answer.status != 304 { text += "Content-Length: \(answer.range.count)\r\n" }
    if isLast { text += "Connection: close\r\n" }
    guard write(fd, Array("\(text)\r\n".utf8)[...]) else { return false }
    guard !isHead, answer.status != 304, let file else { return true }
    var at = answer.range.lowerBound
    while at < answer.range.upperBound {
      var piece = [UInt8](repeating: 0, count: min(Self.pieceBytes, answer.range.upperBound - at))
      let count = FolderRoot.read(file, into: &piece, at: at)
      // A file that has become shorter cannot be told otherwise than by an end before its time.
      guard count > 0, write(fd, piece[..<count]) else { return false }
      at += count
    }
    return true
  }

  private func write(_ fd: Int32, _ bytes: ArraySlice<UInt8>) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { buffer in
        unsafe buffer.baseAddress.map { unsafe Sys.send(fd, $0, buffer.count) } ?? -1
      }
      if count > 0 {
        rest = rest.dropFirst(count)
        continue
      }
      guard count == Sys.wouldBlock, Sys.wait(fd, toWrite: true, milliseconds: Self.patienceMilliseconds)
      else {
        return false
      }
    }
    return true
  }
}
