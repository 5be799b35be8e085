import EndToEnd
import OS
import TestRun
import Testing

/// Files that a route gives out.
@Suite("Static files", .ownThread) struct StaticFilesTests {
  private struct Scene {
    let place: Place
    let certd: Certd
    let authority: TestCertificates

    init() throws {
      place = try Place()
      certd = try Certd(place)
      authority = try TestCertificates(place, "files")
      _ = try authority.issue(["localhost"], called: "site")
      let fs = FileSystem()
      for folder in ["www", "www/sub", "secret"] { try fs.makeDirectory(place(folder), mode: 0o755) }
      try place.write("www/index.html", "<p>front</p>")
      try place.write("www/sub/index.html", "sub")
      try place.write("www/app.js", String(repeating: "0123456789", count: 100))
      try place.write("www/app.js.gz", "packed")
      try place.write("www/.env", "password")
      try place.write("secret/key", "secret")
      try fs.symlink(place("www/out"), to: place("secret"))
      try fs.symlink(place("www/link"), to: place("secret/key"))
      try place.write(
        "certd.yaml",
        """
        store: store
        listeners: [{address: "127.0.0.1:0"}]
        certificates: [{cert: site.crt, key: site.key}]
        routes:
          - {root: www}
          - {paths: ["/assets/*"], strip_prefix: /assets, root: www}
        """)
    }

    func get(_ daemon: Certd.Daemon, _ path: String, _ arguments: [String] = []) async throws
      -> String
    {
      try await Curl(place, host: "localhost", port: try daemon.httpsPort(), root: authority.rootPath)(
        path, ["--path-as-is", "-i"] + arguments
      ).output.replacing("\r\n", with: "\n")
    }
  }

  @Test(
    "files are given out whole, in part and not again, and nothing that is not theirs",
    arguments: ["--http1.1", "--http2"])
  func files(version: String) async throws {
    let scene = try Scene()
    let daemon = try await scene.certd.run(["--config", scene.place("certd.yaml")])
    func get(_ path: String, _ arguments: String...) async throws -> String {
      try await scene.get(daemon, path, [version] + arguments).lowercased()
    }
    let front = try await get("/")
    #expect(
      front.contains(" 200") && front.contains("content-type: text/html; charset=utf-8")
        && front.hasSuffix("<p>front</p>"))
    let tag =
      front.split(separator: "\n").first { $0.hasPrefix("etag: ") }.map { String($0.dropFirst(6)) } ?? ""
    #expect(try await get("/", "-H", "If-None-Match: \(tag)").contains(" 304"))
    #expect(try await get("/app.js", "-H", "Range: bytes=10-14").hasSuffix("\n\n01234"))
    #expect(try await get("/app.js", "-H", "Range: bytes=-3").contains("content-range: bytes 997-999/1000"))
    #expect(try await get("/app.js", "-H", "Range: bytes=2000-").contains(" 416"))
    #expect(try await get("/app.js", "-H", "Accept-Encoding: gzip").hasSuffix("packed"))
    #expect(try await get("/assets/app.js").contains("content-length: 1000"))
    #expect(try await get("/sub").contains("location: sub/"))
    #expect(try await get("/sub/").hasSuffix("\n\nsub"))
    #expect(try await get("/", "-I").contains("content-length: 12"))
    #expect(try await get("/", "-X", "DELETE").contains(" 405"))
    for path in [
      "/.env", "/../secret/key", "/%2e%2e/secret/key", "/sub/..%2f..%2fsecret/key", "/out/key", "/link",
      "/none",
    ] {
      let answer = try await get(path)
      #expect(
        !answer.contains("secret\n") && !answer.hasSuffix("secret") && !answer.contains("password"),
        "\(path): \(answer)")
    }
    #expect(try await daemon.stop() == .exited(0))
    #expect(try FileSystem().list(scene.place("store")).filter { $0.hasPrefix("files-") } == [])
  }
}
