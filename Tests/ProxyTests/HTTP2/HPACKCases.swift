import TestPeers

/// Header compression (RFC 7541).
extension HTTP2Case {
  /// The four pseudo-header fields of GET / by the static table.
  private static let indexed = [2, 6, 4].flatMap { HPACK.indexed($0) } + HPACK.literal(name: 1, "localhost")
  /// `www.example.com` in Huffman code (RFC 7541 §C.4.1).
  private static let huffman: [UInt8] = [
    0xF1, 0xE3, 0xC2, 0xE5, 0xF2, 0x3A, 0x6B, 0xA0, 0xAB, 0x90, 0xF4, 0xFF,
  ]

  private static func block(
    _ section: String, _ says: String, fails expects: Outcome = .answers([1]), _ more: [UInt8]
  ) -> HTTP2Case {
    HTTP2Case(section, says, expects) { c in c.send(.headers(1, indexed + more)) }
  }

  private static let bad = Outcome.connection([.compressionError])
  private static let x = Header("x-test", "a value")

  static let hpack: [HTTP2Case] = [
    block("6.1", "indexed fields of the static table", HPACK.indexed(16)),
    block(
      "6.2.1", "a literal with indexing and an indexed name", HPACK.literal(name: 58, "me", .incremental)),
    block("6.2.1", "a literal with indexing and a new name", HPACK.literal(x, .incremental)),
    block("6.2.2", "a literal without indexing and an indexed name", HPACK.literal(name: 58, "me")),
    block("6.2.2", "a literal without indexing and a new name", HPACK.literal(x)),
    block("6.2.3", "a literal never indexed with an indexed name", HPACK.literal(name: 58, "me", .never)),
    block("6.2.3", "a literal never indexed with a new name", HPACK.literal(x, .never)),
    block("6.1", "a field of the dynamic table", HPACK.literal(x, .incremental) + HPACK.indexed(62)),
    block(
      "6.2", "a name of the dynamic table", HPACK.literal(x, .incremental) + HPACK.literal(name: 62, "b")),
    HTTP2Case("2.3.2", "the dynamic table outlives a block", .answers([1, 3])) { c in
      c.send(.headers(1, indexed + HPACK.literal(x, .incremental)), .headers(3, indexed + HPACK.indexed(62)))
    },
    HTTP2Case("2.3.2", "trailers use the same dynamic table", .answers([1, 3])) { c in
      c.send(.headers(1, post(), end: false), .headers(1, HPACK.literal(x, .incremental)))
      c.send(.headers(3, indexed + HPACK.indexed(62)))
    },
    HTTP2Case("2.3.2", "blocks of refused requests count for the dynamic table", .answers([3])) { c in
      c.send(.headers(1, indexed + HPACK.literal(x, .incremental) + HPACK.block(["X=1"])))
      c.wait { $0[1].isOver }
      c.send(.headers(3, indexed + HPACK.indexed(62)))
    },
    HTTP2Case("4.3", "a table of size 0 is empty", .connection([.compressionError])) { c in
      c.send(.headers(1, indexed + HPACK.literal(x, .incremental)))
      c.response(1)
      c.send(.headers(3, HPACK.tableSize(0) + indexed + HPACK.indexed(62)))
    },
    HTTP2Case("4.4", "what does not fit empties the table", .connection([.compressionError])) { c in
      let huge = Header("x-huge", String(repeating: "a", count: 5000))
      c.send(.headers(1, indexed + HPACK.literal(x, .incremental) + HPACK.literal(huge, .incremental)))
      c.response(1)
      c.send(.headers(3, indexed + HPACK.indexed(62)))
    },
    HTTP2Case("6.3", "a change of the table's size", .answers([1])) { c in
      c.send(.headers(1, HPACK.tableSize(0) + indexed))
    },
    HTTP2Case("6.3", "two changes of the table's size", .answers([1])) { c in
      c.send(.headers(1, HPACK.tableSize(0) + HPACK.tableSize(4096) + indexed))
    },
    block("5.2", "a value in Huffman code", [0x0F, 0x2B] + HPACK.string(huffman, huffman: true)),
    block(
      "5.2", "a name in Huffman code",
      [0x00, 0x88, 0x25, 0xA8, 0x49, 0xE9, 0x5B, 0xA9, 0x7D, 0x7F, 0x01, 0x61]),
    block("2.3.3", "an index beyond both tables", fails: bad, HPACK.indexed(70)),
    block("2.3.3", "a name's index beyond both tables", fails: bad, HPACK.literal(name: 70, "a")),
    block("2.3.3", "an index of 2^31", fails: bad, HPACK.indexed(1 << 31)),
    block("6.1", "the index 0", fails: bad, [0x80]),
    block("4.2", "a change of the table's size at the block's end", fails: bad, HPACK.tableSize(1)),
    HTTP2Case("6.3", "a table larger than SETTINGS_HEADER_TABLE_SIZE", bad) { c in
      let most = c.settings[Setting.headerTableSize.rawValue] ?? 4096
      c.send(.headers(1, HPACK.tableSize(Int(most) + 1) + indexed))
    },
    block(
      "5.1", "an integer beyond what can be", fails: bad, [0xFF] + Array(repeating: 0xFF, count: 12) + [0x01]),
    block("5.2", "a string longer than its block", fails: bad, [0x00, 0x7F, 0xFF, 0x01, 0x61]),
    block(
      "5.2", "Huffman padding of more than 7 bits", fails: bad,
      [0x00, 0x01, 0x61] + HPACK.string([0x1F, 0xFF], huffman: true)),
    block(
      "5.2", "Huffman padding of zeros", fails: bad, [0x00, 0x01, 0x61] + HPACK.string([0x18], huffman: true)),
    block(
      "5.2", "the end of string in Huffman code", fails: bad,
      [0x00, 0x01, 0x61] + HPACK.string([0xFF, 0xFF, 0xFF, 0xFF], huffman: true)),
  ]
}
