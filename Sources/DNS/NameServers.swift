public import OS

/// Asks name servers.
public struct NameServers: Sendable {
  /// What asking needs from outside.
  public struct Environment: Sendable {
    /// Carries messages.
    public var transport: any Transport
    /// A number that nobody can guess.
    public var random: @Sendable () -> UInt16
    /// Waits so many seconds.
    public var sleep: @Sendable (Double) async throws -> Void
    /// Seconds that have passed since some moment.
    public var uptime: @Sendable () -> Double

    /// Surroundings.
    public init(
      transport: any Transport = NetworkTransport(), random: @escaping @Sendable () -> UInt16,
      sleep: @escaping @Sendable (Double) async throws -> Void,
      uptime: @escaping @Sendable () -> Double = { Double(Clock.monotonicNanoseconds()) / 1e9 }
    ) {
      self.transport = transport
      self.random = random
      self.sleep = sleep
      self.uptime = uptime
    }
  }

  /// How long one try takes at most, in milliseconds.
  public static let tryMilliseconds: Int32 = 3000
  /// Tries of one server: datagrams get lost.
  public static let tries = 3

  /// What asking needs from outside.
  public let environment: Environment

  /// Asks by these means.
  public init(_ environment: Environment) { self.environment = environment }

  /// What a server said to a question.
  public struct Answer: Sendable, Equatable {
    /// How it answered; an error is an answer as well.
    public let code: ResponseCode
    /// Whether the server is one of the zone's own.
    public let isAuthoritative: Bool
    /// What it gave, CNAMEs on the way included.
    public let records: [Record]
    /// What it told of the zone.
    public let authorities: [Record]
    let additionals: [Record]
  }

  /// Asks one server. Throws `unanswered` when no usable answer came.
  public func ask(
    _ server: SocketAddress, _ name: DomainName, _ type: RecordType, wantsRecursion: Bool
  ) async throws(DNSError) -> Answer {
    let question = Message.Question(name: name, type: type)
    let id = environment.random()
    let bytes = Message.query(id, question, wantsRecursion: wantsRecursion)
    let message = try await exchange(bytes, server, what: "\(name) \(type)") { message in
      message.id == id && message.isResponse && message.opcode == 0
        && (message.question == question || (message.question == nil && message.code != .noError))
    }
    return Answer(
      code: message.code, isAuthoritative: message.isAuthoritative, records: message.answers,
      authorities: message.authorities, additionals: message.additionals)
  }

  /// Sends a message until an answer comes; by a connection when it does not fit into a datagram.
  private func exchange(
    _ bytes: [UInt8], _ server: SocketAddress, what: String, _ fits: @escaping @Sendable (Message) -> Bool
  ) async throws(DNSError) -> Message {
    var failure = ""
    for _ in 0..<Self.tries {
      do {
        let answer = try await environment.transport.datagram(
          bytes, to: server, milliseconds: Self.tryMilliseconds
        ) { raw in (try? Message(raw)).map(fits) ?? Message.isTruncatedAnswer(raw, to: bytes) }
        if let message = try? Message(answer), !message.isTruncated { return message }
        return try await byStream(bytes, server, what, fits)
      } catch let error as DNSError { throw error } catch { failure = "\(error)" }
    }
    throw DNSError(.unanswered, "\(server) did not answer for \(what): \(failure)")
  }

  private func byStream(
    _ bytes: [UInt8], _ server: SocketAddress, _ what: String, _ fits: @Sendable (Message) -> Bool
  ) async throws(DNSError) -> Message {
    let answer: [UInt8]
    do {
      answer = try await environment.transport.stream(
        bytes, to: server, milliseconds: Self.tryMilliseconds * Int32(Self.tries))
    } catch { throw DNSError(.unanswered, "\(server) did not answer for \(what) over TCP: \(error)") }
    do throws(MessageReader.Malformed) {
      let message = try Message(answer)
      guard fits(message) else { throw .init(what: "it answers another question") }
      return message
    } catch { throw DNSError(.unanswered, "\(server): the answer for \(what) is unusable: \(error.what)") }
  }

  /// Sends an update (RFC 2136) or anything else that is not a question, by a connection. The answer's bytes and what
  /// they say.
  func send(
    _ bytes: [UInt8], _ id: UInt16, to server: SocketAddress, what: String
  ) async throws(DNSError) -> (bytes: [UInt8], message: Message) {
    var failure = ""
    for attempt in 0..<Self.tries {
      do {
        if attempt > 0 { try await environment.sleep(Double(attempt)) }
        let answer = try await environment.transport.stream(
          bytes, to: server, milliseconds: Self.tryMilliseconds * Int32(Self.tries))
        let message = try Message(answer)
        guard message.id == id, message.isResponse else {
          throw MessageReader.Malformed(what: "it answers something else")
        }
        return (answer, message)
      } catch let error as MessageReader.Malformed {
        throw DNSError(.unanswered, "\(server): the answer to \(what) is unusable: \(error.what)")
      } catch { failure = "\(error)" }
    }
    throw DNSError(.unanswered, "\(server) did not answer to \(what): \(failure)")
  }
}

extension Message {
  /// Whether it is an answer to a message that was cut off so badly that it cannot be read.
  static func isTruncatedAnswer(_ raw: [UInt8], to sent: [UInt8]) -> Bool {
    raw.count >= 12 && raw.prefix(2) == sent.prefix(2) && raw[2] & 0x82 == 0x82
  }
}
