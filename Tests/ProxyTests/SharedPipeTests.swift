import OS
import PKI
import Proxy
import TLS
import TestSupport
import TestPeers
import TestRun
import Testing

@Suite(.ownThread) struct SharedPipeTests {
  @Test("what one client's broken record makes us say is not said to another client of the same worker")
  func brokenRecord() throws {
    let authority = try TestAuthority()
    var random = SeededGenerator(seed: 1)
    var settings = Settings()
    let any = try #require(SocketAddress(host: "127.0.0.1", port: 0))
    settings.listeners = [Settings.Listener(address: any, profile: .modern)]
    let proxy = try EdgeProxy(
      workers: 1, settings: settings, credentials: [authority.credential("a.example")],
      tickets: TicketKeys { random.bytes($0) }, challenge: { _ in nil }, report: { _ in })
    let address = try #require(proxy.addresses.first)
    let context = try ClientContext(trust: authority.trust)
    func client() throws -> Wire {
      let client = try Wire.connect(address)
      #expect(client.secure(context, host: "a.example"))
      return client
    }
    let innocent = try client()
    let broken = try client()
    broken.writeRaw(latin1("\u{17}\u{3}\u{3}\u{0}\u{28}" + String(repeating: "x", count: 40)))
    // Read to its end: the worker has dealt with it.
    broken.readToEnd()
    innocent.write("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    #expect(innocent.readHead().hasPrefix("HTTP/1.1 "))
  }
}
