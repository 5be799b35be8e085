import HTTP
import OS
import TestSupport

@testable import Proxy

extension FuzzTarget {
  static let http = [
    FuzzTarget("request-head") { bytes in
      search(bytes)
      var fields = FieldSection(capacity: 64)
      var head = RequestHead()
      guarded(bytes) { base in
        guard case .found(let length) = HeadEnd.find(base, count: bytes.count, from: 0) else { return }
        guard RequestHead.parse(base, count: length, fields: &fields, into: &head) == nil else { return }
        checkLines(fields, length)
        require(head.hostStart + head.hostLength <= length, "the host ends beyond its head")
        require(head.targetStart + head.targetLength <= length, "the target ends beyond its head")
        require(head.authorityStart + head.authorityLength <= length, "the authority ends beyond its head")
      }
    },
    FuzzTarget("response-head") { bytes in
      var fields = FieldSection(capacity: 64)
      var head = ResponseHead()
      for method in [Method.get, .head, .connect] {
        guarded(bytes) { base in
          guard case .found(let length) = HeadEnd.find(base, count: bytes.count, from: 0) else { return }
          guard
            ResponseHead.parse(base, count: length, method: method, fields: &fields, into: &head) == nil
          else { return }
          checkLines(fields, length)
          require(head.statusStart + head.statusLength <= length, "the status ends beyond its head")
          require((100...999).contains(head.status), "status \(head.status)")
        }
      }
    },
    FuzzTarget("chunks") { bytes in
      let whole = chunks(bytes, pieces: [bytes.count])
      var random = chance(bytes)
      var left = bytes.count
      var pieces: [Int] = []
      while left > 0 {
        pieces.append(Int.random(in: 1...min(left, 9), using: &random))
        left -= pieces.last ?? left
      }
      require(chunks(bytes, pieces: pieces) == whole, "content in pieces is not what it is as a whole")
    },
    FuzzTarget("proxy-header") { bytes in
      guarded(bytes) { base in
        let whole = ProxyProtocol.read(UnsafeBufferPointer(start: base, count: bytes.count))
        guard case .header(let length, let ends) = whole else { return }
        require(length <= bytes.count && length <= ProxyProtocol.maximumHeaderBytes, "a header of \(length)")
        // Whatever stands behind it does not count.
        guard
          case .header(length, let again) = ProxyProtocol.read(
            UnsafeBufferPointer(start: base, count: length))
        else { return require(false, "the header needs what stands behind it") }
        require(ends?.source.description == again?.source.description, "another source")
      }
    },
    FuzzTarget("server-name") { bytes in
      let table = RouteTable([
        .init(hosts: ["llm.example.com"], paths: [.prefix("/v1/")], service: 0),
        .init(hosts: ["*.example.com"], paths: [], service: 1),
        .init(hosts: [], paths: [.exact("/"), .template("/{a}/b/*"), .template("/a/{b}")], service: 2),
      ]) { _ in true }
      let cut = bytes.firstIndex(of: 0) ?? bytes.count
      let (host, path) = (Array(bytes[..<cut]), Array(bytes[cut...]))
      guarded(host) { name in
        guarded(path) { place in
          let found = table.find(host: name, host.count, path: place, path.count) { _ in true }
          require((-1...2).contains(found), "route \(found)")
        }
      }
    },
  ]

  /// The end of a head is the same however its bytes come.
  private static func search(_ bytes: [UInt8]) {
    guarded(bytes) { base in
      let whole = HeadEnd.find(base, count: bytes.count, from: 0)
      var from = 0
      var random = chance(bytes)
      var count = 0
      while count < bytes.count {
        count = min(bytes.count, count + Int.random(in: 1...40, using: &random))
        switch HeadEnd.find(base, count: count, from: from) {
        case .incomplete(let resume):
          require(resume >= from && resume <= count, "the search goes back")
          from = resume
          if count == bytes.count { require(whole == .incomplete(resume: resume), "found as a whole only") }
        case let found: return require(found == whole, "another end in pieces")
        }
      }
    }
  }

  private static func checkLines(_ fields: borrowing FieldSection, _ length: Int) {
    for i in 0..<fields.count {
      let line = fields.lines[i]
      require(
        Int(line.nameStart + line.nameLength) <= length && Int(line.valueStart + line.valueLength) <= length,
        "a field ends beyond its head")
    }
  }

  private struct Content: Equatable {
    var payload: [UInt8] = []
    var trailers: [UInt8] = []
    var outcome = ChunkedFraming.Outcome.more
  }

  private static func chunks(_ bytes: [UInt8], pieces: [Int]) -> Content {
    var (framing, content, at) = (ChunkedFraming(), Content(), 0)
    for piece in pieces {
      let part = Array(bytes[at..<at + piece])
      guarded(part) { base in
        let outcome = framing.scan(
          base, piece,
          data: { from, count in
            require(from >= 0 && from + count <= piece, "content beyond its piece")
            content.payload += UnsafeBufferPointer(start: base + from, count: count)
          },
          trailer: { content.trailers.append($0) })
        if case .end(let count) = outcome {
          content.outcome = .end(at + count)
        } else {
          content.outcome = outcome
        }
      }
      at += piece
      guard content.outcome == .more else { break }
    }
    return content
  }
}
