import Bytes
import EndToEnd
import PKI
import TestRun
import Testing

/// Intermediates that a file lacks, fetched from where its certificates say (AIA), when that is asked for.
@Suite(.ownThread) struct MissingIssuerTests {
  /// A root, two CAs below it, and a leaf of the last one; each names the URL of the one above.
  private static let make = """
    set -e
    ext() { printf 'basicConstraints=critical,CA:%s\\nauthorityKeyIdentifier=keyid\\n%s' "$1" "$2"; }
    key() { openssl ecparam -name prime256v1 -genkey -noout -out $1.key; }
    for one in root upper lower site; do key $one; done
    openssl req -x509 -new -key root.key -subj '/CN=The Root' -days 30 -out root.pem
    sign() {
      openssl req -new -key $1.key -subj "/CN=$1" |
        openssl x509 -req -CA $2.pem -CAkey $2.key -days 20 -extfile $1.ext -out $1.pem
    }
    ext TRUE "authorityInfoAccess=caIssuers;URI:$1/root.pem" > upper.ext
    ext TRUE "authorityInfoAccess=caIssuers;URI:$1/upper.p7c" > lower.ext
    ext FALSE "subjectAltName=DNS:a.example.com
    authorityInfoAccess=OCSP;URI:$1/ocsp,caIssuers;URI:$1/wrong.der,caIssuers;URI:$1/lower.der" > site.ext
    sign upper root; sign lower upper; sign site lower
    mkdir -p web; cp root.pem web
    openssl x509 -in lower.pem -outform DER -out web/lower.der
    openssl x509 -in root.pem -outform DER -out web/wrong.der
    openssl crl2pkcs7 -nocrl -certfile upper.pem -outform DER -out web/upper.p7c
    """

  /// The files, at a port where nobody listens yet.
  private func prepare(_ place: Place, fetches: Bool) async throws -> UInt16 {
    let port = try FreePort.take()
    let made = try await place.run(
      ["sh", "-c", Self.make, "make", "http://127.0.0.1:\(port)"], called: "make")
    #expect(made.ending == .exited(0), "\(made.errors)")
    try place.write(
      "certd.yaml",
      """
      store: store
      listeners: [{address: "127.0.0.1:0"}]
      certificates: [{cert: site.pem, key: site.key\(fetches ? ", fetch_issuers: true" : "")}]
      routes: [{hosts: [a.example.com], service: a}]
      services: {a: {backends: ["127.0.0.1:1"], health: {enabled: false}}}
      """)
    return port
  }

  private func serve(_ place: Place, _ port: UInt16) async throws -> Child {
    let web = try await place.start(
      ["python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", place("web"), "\(port)"],
      called: "web")
    try await eventually("the CA's server: \(web.errors)") { web.output.contains("Serving HTTP") }
    return web
  }

  @Test(
    "missing issuers are fetched, presented as far as the root, and kept for the next start without a network"
  )
  func fetched() async throws {
    let place = try Place()
    let port = try await prepare(place, fetches: true)
    let web = try await serve(place, port)
    let certd = try Certd(place)
    let first = try await certd.run(["--config", place("certd.yaml")])
    try await first.logged("missing intermediates fetched")
    try await eventually("the whole chain") { try await first.chain("a.example.com").count == 3 }
    let chain = try await first.chain("a.example.com")
    #expect(chain.map(\.subject) == ["CN=site", "CN=lower", "CN=upper"])
    _ = try await first.stop()
    web.signal(9)
    let second = try await certd.run(["--config", place("certd.yaml")])
    #expect(try await second.chain("a.example.com") == chain)
    _ = try await second.stop()
  }

  @Test("of a chain of which only a part can be fetched that part is presented")
  func part() async throws {
    let place = try Place()
    let port = try await prepare(place, fetches: true)
    _ = try await place.run(["rm", place("web/upper.p7c")], called: "rm")
    let web = try await serve(place, port)
    let served = try await Certd(place).run(["--config", place("certd.yaml")])
    try await eventually("a part of the chain") { try await served.chain("a.example.com").count == 2 }
    try await served.logged("missing intermediates")
    _ = try await served.stop()
    web.signal(9)
  }

  @Test("what cannot be fetched is said and tried again, and the rest is served")
  func unreachable() async throws {
    let place = try Place()
    _ = try await prepare(place, fetches: true)
    let served = try await Certd(place).run(["--config", place("certd.yaml")])
    try await served.logged("missing intermediates")
    #expect(served.log.contains("lower.der"))
    #expect(try await served.chain("a.example.com").count == 1)
    _ = try await served.stop()
  }

  @Test("nothing is fetched unless it is asked for, and check says how")
  func unasked() async throws {
    let place = try Place()
    _ = try await prepare(place, fetches: false)
    let check = try await Certd(place)("check", "--config", place("certd.yaml"))
    #expect(check.errors.contains("the intermediate certificate is missing"), "\(check.errors)")
    #expect(check.errors.contains("fetch_issuers: true"))
  }
}
