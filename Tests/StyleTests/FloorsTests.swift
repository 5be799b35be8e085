import TestRun
import Testing

/// A module's place: its floor, and what it may import (DESIGN, "Floors").
private struct Place {
  let floor: Int
  let imports: Set<String>
}

@Suite(.ownThread) struct FloorsTests {
  private static let places: [String: Place] = [
    "COpenSSL": Place(floor: 0, imports: []), "CZlib": Place(floor: 0, imports: []),
    "CNGHTTP2": Place(floor: 0, imports: []), "CYAML": Place(floor: 0, imports: []),
    "CLinux": Place(floor: 0, imports: []), "CSQLite": Place(floor: 0, imports: []),

    "OS": Place(floor: 1, imports: ["CLinux"]),
    "Bytes": Place(floor: 1, imports: []),
    "SQLite": Place(floor: 1, imports: ["CSQLite"]),
    "JSON": Place(floor: 1, imports: []),

    "HTTP": Place(floor: 2, imports: ["Bytes"]),
    "HTTP2": Place(floor: 2, imports: ["Bytes", "HTTP", "CNGHTTP2"]),
    "PKI": Place(floor: 2, imports: ["Bytes", "COpenSSL"]),
    "TLS": Place(floor: 2, imports: ["Bytes", "PKI", "COpenSSL"]),
    "EventLoop": Place(floor: 2, imports: ["OS", "CLinux"]),
    "Telemetry": Place(floor: 2, imports: ["JSON", "Bytes", "OS"]),
    "ModelAPI": Place(floor: 2, imports: ["JSON"]),
    "ZeroMQ": Place(floor: 2, imports: []),

    "HTTPClient": Place(
      floor: 3, imports: ["TLS", "HTTP", "HTTP2", "EventLoop", "OS", "Bytes", "PKI", "CZlib"]),
    "ACME": Place(floor: 3, imports: ["PKI", "HTTP", "JSON", "Bytes"]),
    "CertStore": Place(floor: 3, imports: ["OS", "PKI", "Bytes"]),
    "Upstream": Place(floor: 3, imports: ["HTTP"]),
    "APIKeys": Place(floor: 3, imports: ["OS", "PKI", "JSON", "Bytes"]),
    "Exchange": Place(floor: 3, imports: ["HTTP", "JSON", "ModelAPI"]),
    "DNS": Place(floor: 3, imports: ["PKI", "OS", "Bytes"]),
    "GCP": Place(floor: 3, imports: ["PKI", "HTTPClient", "HTTP", "JSON", "Bytes"]),
    "Etcd": Place(floor: 3, imports: ["HTTPClient", "TLS", "HTTP", "JSON", "Bytes"]),

    "Destinations": Place(
      floor: 4, imports: ["CertStore", "HTTPClient", "TLS", "PKI", "HTTP", "JSON", "Bytes"]),
    "Renewal": Place(floor: 4, imports: ["ACME", "CertStore", "DNS", "PKI", "HTTP", "OS", "Bytes"]),
    "Fleet": Place(
      floor: 4, imports: ["Renewal", "ACME", "Etcd", "CertStore", "PKI", "JSON", "Bytes", "OS"]),
    "Proxy": Place(
      floor: 4,
      imports: [
        "CZlib", "TLS", "HTTP", "HTTP2", "JSON", "ModelAPI", "PKI", "EventLoop", "Upstream", "Exchange",
        "APIKeys", "Telemetry",
        "OS",
        "Bytes",
      ]),

    "Configuration": Place(
      floor: 5,
      imports: [
        "JSON", "Bytes", "CYAML", "ModelAPI", "PKI", "Telemetry", "ACME", "CertStore", "DNS", "GCP", "HTTP",
        "Upstream",
        "Exchange", "APIKeys", "Proxy",
      ]),

    "certd": Place(
      floor: 6,
      imports: [
        "Bytes", "OS", "JSON", "HTTP", "HTTP2", "PKI", "TLS", "EventLoop", "Telemetry", "HTTPClient", "ACME",
        "CertStore",
        "Upstream", "Exchange", "APIKeys", "SQLite", "Configuration", "GCP", "DNS", "Renewal", "Proxy",
        "ModelAPI", "Etcd", "Fleet",
        "ZeroMQ", "Destinations", "CLinux",
        "ArgumentParser",
      ]),
  ]

  /// Imports between modules of one floor, beside which everything goes downwards.
  private static let sideways: Set<String> = [
    "HTTP2 HTTP", "TLS PKI", "GCP HTTPClient", "Etcd HTTPClient", "Fleet Renewal",
  ]
  /// Part of the language: for all.
  private static let language: Set<String> = ["Synchronization", "Glibc"]
  /// Where JSON may be read and written: the control plane.
  private static let controlPlane: Set<String> = [
    "ACME", "CertStore", "Destinations", "Renewal", "GCP", "Etcd", "Fleet", "Configuration", "certd",
  ]

  @Test("every module opens with its contract, in one file", arguments: places.keys.sorted())
  func contract(_ module: String) {
    guard let place = Self.places[module], place.floor > 0 else { return }
    let opening = SourceTree.sources.filter {
      $0.path.hasPrefix("Sources/\(module)/") && $0.lines.first?.hasPrefix("// \(module): ") == true
    }
    #expect(opening.count == 1, "\(opening.map(\.path))")
    #expect(opening.first?.lines.prefix(10).contains { $0.contains("promises") } == true)
  }

  /// The modules that a file imports, each with its line.
  static func imports(of file: SourceFile) -> [(line: Int, module: String)] {
    file.lines.enumerated().compactMap { index, line in
      var words = line.split(separator: " ").map(String.init)[...]
      while let word = words.first, word.hasPrefix("@") || access.contains(word) { words = words.dropFirst() }
      guard words.first == "import", let last = words.last, words.count <= 3 else { return nil }
      return (index + 1, String(last.prefix { $0 != "." }))
    }
  }

  private static let access: Set<String> = ["public", "internal", "private", "fileprivate", "package"]

  @Test("every module has its place in the table")
  func modules() {
    #expect(!SourceTree.sources.isEmpty)
    for module in Set(SourceTree.sources.map(\.module)) {
      #expect(Self.places[module] != nil, "\(module) is on no floor")
    }
  }

  @Test("the table itself leads downwards")
  func table() {
    for (module, place) in Self.places {
      for imported in place.imports where imported != "ArgumentParser" {
        let lower = Self.places[imported].map { $0.floor < place.floor } ?? false
        #expect(
          lower || Self.sideways.contains("\(module) \(imported)"), "\(module) may not import \(imported)")
      }
    }
  }

  @Test("every import line goes downwards, as the table says")
  func imports() {
    var seen = 0
    for file in SourceTree.sources {
      for (line, imported) in Self.imports(of: file) {
        seen += 1
        let allowed =
          Self.language.contains(imported)
          || imported == "FoundationEssentials" && Self.controlPlane.contains(file.module)
          || Self.places[file.module]?.imports.contains(imported) == true
        #expect(allowed, "\(file.path):\(line) imports \(imported)")
      }
    }
    // If the import lines were not recognised any more, the test would be silent.
    #expect(seen > SourceTree.sources.count / 2)
  }

  @Test("import lines of every form are recognised")
  func forms() {
    let text = """
      import A
      internal import B
      @testable import C
      public import struct D.E
        import F
      // import G
      importer H
      """
    let file = SourceFile(path: "Sources/X/Y.swift", text: text)
    #expect(Self.imports(of: file).map(\.module) == ["A", "B", "C", "D", "F"])
  }
}
