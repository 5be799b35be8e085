import Glibc
import OS
import TestRun
import Testing

@Suite(.ownThread) struct SocketAddressTests {
  @Test(
    "a literal is read and written as people write it",
    arguments: [
      ("127.0.0.1", "127.0.0.1:8080", [127, 0, 0, 1]), ("0.0.0.0", "0.0.0.0:8080", [0, 0, 0, 0]),
      ("::1", "[::1]:8080", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
      ("::ffff:192.0.2.7", "192.0.2.7:8080", [192, 0, 2, 7]),
      ("2001:DB8:0:0::1", "[2001:db8::1]:8080", [0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ] as [(String, String, [UInt8])])
  func literals(_ host: String, _ text: String, _ bytes: [UInt8]) throws {
    let address = try #require(SocketAddress(host: host, port: 8080))
    #expect(address.description == text)
    #expect(address.port == 8080)
    #expect(address.ipBytes == bytes)
    #expect(try Resolver.resolve(host: host, port: 8080).map(\.description) == [text])
  }

  @Test(
    "what is no literal is not taken for one",
    arguments: [
      "", "localhost", "1.2.3", "1.2.3.256", "01.2.3.4", "[::1]", "::g", "::1%lo", "127.0.0.1 ",
      "127.0.0.1\u{0}x",
    ])
  func refused(_ host: String) { #expect(SocketAddress(host: host, port: 1) == nil) }

  @Test("a name with a NUL byte is not resolved as its beginning")
  func resolverNUL() {
    #expect(throws: SystemError.self) { try Resolver.resolve(host: "localhost\u{0}.example", port: 1) }
  }

  @Test("the port can be changed")
  func port() throws {
    var address = try #require(SocketAddress(host: "::1", port: 0))
    address.port = 65_535
    #expect(address.description == "[::1]:65535")
  }

  @Test("a path is a Unix-domain address as long as the kernel has room for it")
  func unix() throws {
    let address = try #require(SocketAddress(unixPath: "/run/x.sock"))
    #expect(address.family == AF_UNIX)
    #expect(address.description == "unix:/run/x.sock")
    #expect(address.port == 0)
    #expect(address.ipBytes == [])
    #expect(SocketAddress(unixPath: "") == nil)
    #expect(SocketAddress(unixPath: "a\u{0}b") == nil)
    #expect(SocketAddress(unixPath: String(repeating: "a", count: 107))?.host.utf8.count == 107)
    #expect(SocketAddress(unixPath: String(repeating: "a", count: 108)) == nil)
  }

  @Test("no address has a description too")
  func empty() { #expect(SocketAddress().description == ":0") }
}

@Suite(.ownThread) struct SocketTests {
  /// A listener on loopback and its address.
  private func listen() throws -> (listener: Int32, address: SocketAddress) {
    let any = try #require(SocketAddress(host: "127.0.0.1", port: 0))
    let listener = try ListeningSocket.open(any).release()
    return (listener, try ListeningSocket.address(of: listener))
  }

  private func wait(_ fd: Int32, for events: Int32) {
    var entry = pollfd(fd: fd, events: Int16(events), revents: 0)
    #expect(poll(&entry, 1, 30_000) == 1)
  }

  @Test("a connection carries bytes both ways, and its end is told as zero")
  func exchange() throws {
    let (listener, address) = try listen()
    defer { Sys.close(listener) }
    #expect(address.port > 0)
    var target = address
    let client = Int32(Sys.socket(family: address.family))
    defer { Sys.close(client) }
    let started = Sys.connect(client, &target)
    #expect(started == 0 || started == Sys.inProgress)
    wait(listener, for: POLLIN)
    var peer = SocketAddress()
    let server = Int32(Sys.accept(listener, &peer))
    try #require(server >= 0)
    #expect(peer.host == "127.0.0.1")
    wait(client, for: POLLOUT)
    #expect(Sys.socketError(client) == 0)
    #expect(Sys.send(client, "hello", 5) == 5)
    wait(server, for: POLLIN)
    var buffer = [UInt8](repeating: 0, count: 16)
    #expect(Sys.recv(server, &buffer, 16) == 5)
    #expect(Sys.recv(server, &buffer, 16) == Sys.wouldBlock)
    Sys.close(server)
    wait(client, for: POLLIN)
    #expect(Sys.recv(client, &buffer, 16) == 0)
  }

  @Test("a listener without callers would block, a refused connection is told, a dead peer raises no signal")
  func failures() throws {
    let (listener, address) = try listen()
    var peer = SocketAddress()
    #expect(Sys.accept(listener, &peer) == Sys.wouldBlock)
    Sys.close(listener)
    var target = address
    let client = Int32(Sys.socket(family: address.family))
    defer { Sys.close(client) }
    let started = Sys.connect(client, &target)
    if started == Sys.inProgress {
      wait(client, for: POLLOUT)
      #expect(Sys.socketError(client) == ECONNREFUSED)
    } else {
      #expect(started == -Int(ECONNREFUSED))
    }
    #expect(Sys.send(client, "x", 1) < 0)
  }

  @Test("several listeners share one address, as the workers do")
  func reusePort() throws {
    let (first, address) = try listen()
    defer { Sys.close(first) }
    let second = try ListeningSocket.open(address)
    #expect(try ListeningSocket.address(of: second.number).port == address.port)
  }

  @Test("an address that is not ours cannot be listened on, and the error says which")
  func foreignAddress() throws {
    let foreign = try #require(SocketAddress(host: "192.0.2.1", port: 0))
    #expect(throws: SystemError(call: "bind", code: EADDRNOTAVAIL, subject: "192.0.2.1:0")) {
      try ListeningSocket.open(foreign).release()
    }
  }

  @Test("a thread runs, and can be waited for")
  func thread() throws {
    let mutex = Flag()
    try Thread.start("a name that is longer than fifteen bytes") { mutex.raise() }.join()
    #expect(mutex.isRaised)
  }
}
