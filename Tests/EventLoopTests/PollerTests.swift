import EventLoop
import Glibc
import OS
import TestRun
import Testing

/// Two connected sockets, closed at the end.
private struct SocketPair: ~Copyable {
  let ours: Int32
  let theirs: Int32

  init() throws {
    var fds: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &fds) == 0
    else {
      throw SystemError(call: "socketpair", code: errno)
    }
    ours = fds[0]
    theirs = fds[1]
  }

  deinit {
    Sys.close(ours)
    Sys.close(theirs)
  }
}

@Suite(.ownThread) struct PollerTests {
  private static let token = Token(kind: 3, index: 0xFFFF_FFFE, generation: 0xABCDEF)

  private func readiness(_ poller: borrowing Poller, _ milliseconds: Int32 = 0) -> Readiness? {
    let count = poller.wait(milliseconds: milliseconds)
    guard count == 1 else { return nil }
    let event = poller.event(0)
    #expect(event.token == Self.token)
    return event.readiness
  }

  @Test("a token keeps its parts")
  func token() {
    #expect(Self.token.kind == 3)
    #expect(Self.token.index == 0xFFFF_FFFE)
    #expect(Self.token.generation == 0xABCDEF)
    #expect(Token(bits: Self.token.bits) == Self.token)
    #expect(Token(kind: 255, index: 0, generation: .max).generation == 0xFF_FFFF)
    #expect(Token(kind: 255, index: 0, generation: .max).kind == 255)
  }

  @Test("an edge is told once, and again only when more arrives")
  func edges() throws {
    let pair = try SocketPair()
    let poller = try Poller()
    #expect(poller.add(pair.ours, Self.token) == 0)
    #expect(readiness(poller) == .writable)
    #expect(readiness(poller) == nil)
    #expect(Sys.write(pair.theirs, "a", 1) == 1)
    #expect(readiness(poller)?.contains(.readable) == true)
    #expect(readiness(poller) == nil)
    #expect(Sys.write(pair.theirs, "b", 1) == 1)
    #expect(readiness(poller)?.contains(.readable) == true)
  }

  @Test("the peer's half close and full close are told")
  func closes() throws {
    let pair = try SocketPair()
    let poller = try Poller()
    #expect(poller.add(pair.ours, Self.token) == 0)
    _ = readiness(poller)
    Sys.shutdownWrite(pair.theirs)
    #expect(readiness(poller)?.isSuperset(of: [.readable, .peerClosed]) == true)
    shutdown(pair.ours, Int32(SHUT_WR))
    #expect(readiness(poller)?.contains(.hangup) == true)
  }

  @Test("a level-triggered descriptor is told until it has been read")
  func level() throws {
    let pair = try SocketPair()
    let poller = try Poller()
    #expect(poller.addLevel(pair.ours, Self.token) == 0)
    #expect(readiness(poller) == nil)
    #expect(Sys.write(pair.theirs, "a", 1) == 1)
    #expect(readiness(poller) == .readable)
    #expect(readiness(poller) == .readable)
    var byte: UInt8 = 0
    #expect(Sys.read(pair.ours, &byte, 1) == 1)
    #expect(readiness(poller) == nil)
  }

  @Test("a removed descriptor is not told of any more")
  func remove() throws {
    let pair = try SocketPair()
    let poller = try Poller()
    #expect(poller.addLevel(pair.ours, Self.token) == 0)
    poller.remove(pair.ours)
    #expect(Sys.write(pair.theirs, "a", 1) == 1)
    #expect(readiness(poller) == nil)
  }

  @Test("what cannot be registered is said with its errno")
  func refused() throws {
    let poller = try Poller()
    #expect(poller.add(-1, Self.token) == -Int(EBADF))
    let pair = try SocketPair()
    #expect(poller.add(pair.ours, Self.token) == 0)
    #expect(poller.add(pair.ours, Self.token) == -Int(EEXIST))
  }
}

@Suite(.ownThread) struct MailboxTests {
  private struct Letter: Sendable {
    let sender: Int
    let number: Int
  }

  @Test("messages of many threads all arrive, each sender's in order, and no wake-up is lost")
  func manyThreads() throws {
    let senders = 6
    let each = 4000
    let mailbox = try Mailbox<Letter>()
    let poller = try Poller()
    #expect(poller.addLevel(mailbox.descriptor, Token(kind: 0, index: 0, generation: 0)) == 0)
    let threads = try (0..<senders).map { sender in
      try Thread.start("sender") {
        for number in 0..<each { mailbox.post(Letter(sender: sender, number: number)) }
      }
    }
    var next = [Int](repeating: 0, count: senders)
    var turns = 0
    while next.reduce(0, +) < senders * each {
      // A lost wake-up would end here.
      try #require(poller.wait(milliseconds: 30_000) == 1)
      for letter in mailbox.take() {
        #expect(letter.number == next[letter.sender])
        next[letter.sender] = letter.number + 1
      }
      turns += 1
    }
    for thread in threads { thread.join() }
    #expect(mailbox.take().isEmpty)
    #expect(poller.wait(milliseconds: 0) == 0)
  }

  @Test("a message wakes, taking it ends the waking")
  func wakes() throws {
    let mailbox = try Mailbox<String>()
    let poller = try Poller()
    #expect(poller.addLevel(mailbox.descriptor, Token(kind: 0, index: 0, generation: 0)) == 0)
    #expect(poller.wait(milliseconds: 0) == 0)
    mailbox.post("a")
    mailbox.post("b")
    #expect(poller.wait(milliseconds: 0) == 1)
    #expect(mailbox.take() == ["a", "b"])
    #expect(poller.wait(milliseconds: 0) == 0)
    #expect(mailbox.take() == [])
  }
}
