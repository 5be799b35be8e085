import TLS
import TestPeers
import TestSupport
import TestRun
import Testing

@Suite("The lease of a pipe", .ownThread) struct PipeLeaseTests {
  /// A step in which TLS is called, as a connection takes it that has just received a broken record.
  enum Step: CaseIterable {
    case handshake, readEarly, read, write, shutdown, nothing
  }

  /// A record with a message of no known type: it is answered by an alert.
  private static let garbage: [UInt8] = [22, 3, 1, 0, 4, 99, 0, 0, 0]

  private static func isEmpty(_ pipe: borrowing RecordPipe) -> Bool {
    pipe.unreadInput.isEmpty && pipe.output.isEmpty
  }

  /// Takes a step with a broken record; neither its result nor what it says is looked at.
  private func take(_ step: Step, _ pipe: borrowing RecordPipe, _ session: Session, _ bytes: [UInt8]) -> Int {
    bytes.withUnsafeBytes { raw in
      let lease = PipeLease(pipe, to: session, unread: raw)
      var buffer = [UInt8](repeating: 0, count: 4096)
      switch step {
      case .handshake: _ = lease.handshake()
      case .readEarly: _ = lease.readEarly(into: &buffer, capacity: buffer.count)
      case .read: _ = lease.read(into: &buffer, capacity: buffer.count)
      case .write: _ = lease.write(Self.garbage, Self.garbage.count)
      case .shutdown: lease.shutdown()
      case .nothing: break
      }
      return lease.records.count
    }
  }

  @Test(
    "A broken record of one session is never met by another, whatever step it is met in",
    arguments: Step.allCases)
  func brokenRecord(_ step: Step) throws {
    let context = try server([TestAuthority().credential("a.example")])
    let pipe = RecordPipe()
    let made = (Session(server: context, pipe: pipe), Session(server: context, pipe: pipe))
    let broken = try #require(made.0)
    defer { broken.free() }
    let other = try #require(made.1)
    defer { other.free() }
    let client = try #require(Peer(client: try ClientContext(trust: .init(system: false)), host: "a.example"))
    client.handshake()
    let hello = client.take()
    // Every step of the other one, with the broken one's between: it goes on as if it were alone.
    var said: [UInt8] = []
    for part in [hello.prefix(40), hello.dropFirst(40)] {
      _ = take(step, pipe, broken, Self.garbage)
      let isEmpty = Self.isEmpty(pipe)
      #expect(isEmpty)
      Array(part).withUnsafeBytes { raw in
        let lease = PipeLease(pipe, to: other, unread: raw)
        let step = lease.handshake()
        #expect(step == .wantRead)
        said += lease.records
      }
      let isLeftEmpty = Self.isEmpty(pipe)
      #expect(isLeftEmpty)
    }
    // A ServerHello, and no alert before it.
    #expect(said.first == 22, "\(said.prefix(16))")
    Failure.clear()
  }

  @Test("What a session has said and nobody has taken is gone with the lease")
  func forgotten() throws {
    let context = try server([TestAuthority().credential("a.example")])
    let pipe = RecordPipe()
    let made = Session(server: context, pipe: pipe)
    let session = try #require(made)
    defer { session.free() }
    let said = take(.handshake, pipe, session, Self.garbage)
    #expect(said > 0)
    let isEmpty = Self.isEmpty(pipe)
    #expect(isEmpty)
    Failure.clear()
  }
}
