import Exchange
import TestRun
import Testing

/// Every phase with every kind of event: what comes of it, and the phase after it.
@Suite(.ownThread) struct MachineTests {
  private static let finish = Action.finish(keepsBackend: true, keepsClient: true)

  static let rows: [Row] = [
    Row(.head, .admitted, .choose, .attempting),
    Row(.head, .refused(.headTooLarge), .answer(.headTooLarge), .over),
    Row(.head, .clientLeft, .abandon, .over),

    Row(.choosing, .opened(.connecting), .nothing, .attempting),
    Row(.choosing, .opened(.kept), .send, .attempting),
    Row(.choosing, .opened(.stream), .send, .attempting),
    Row(.choosing, .unopened, .choose, .attempting),
    Row(.choosing, .nobody, .answer(.noBackend), .over),
    Row(.choosing, .full, .wait, .waiting),
    Row(.choosing, .overLimit(.pending), .answer(.overLimit(.pending)), .over),
    Row(.choosing, .overLimit(.requests), .fallBack, .attempting, Row.chained),
    Row(.choosing, .nobody, .fallBack, .attempting, Row.chained),
    Row(.choosing, .clientLeft, .abandon, .over),

    Row(.waiting, .room, .choose, .attempting),
    Row(.waiting, .queueFull, .answer(.queueFull), .over),
    Row(.waiting, .waitedTooLong, .answer(.queueTimeout), .over),
    Row(.waiting, .nobody, .answer(.noBackend), .over),
    Row(.waiting, .queueFull, .fallBack, .attempting, Row.chained),
    Row(.waiting, .waitedTooLong, .fallBack, .attempting, Row.chained),
    Row(.waiting, .nobody, .fallBack, .attempting, Row.chained),
    Row(.waiting, .refused(.overloaded), .answer(.overloaded), .over),
    Row(.waiting, .refused(.badRequest), .answer(.badRequest), .over),
    Row(.waiting, .clientLeft, .abandon, .over),

    Row(.connecting, .connected, .send, .attempting),
    Row(.connecting, .connectFailed, .choose, .attempting, Row.careful),
    Row(.connecting, .connectFailed, .choose, .attempting, Row.alone),
    Row(.connecting, .connectFailed, .choose, .attempting, Row.ofName),
    Row(.connecting, .refused(.badRequest), .answer(.badRequest), .over),
    Row(.connecting, .refused(.requestTimeout), .answer(.requestTimeout), .over),
    Row(.connecting, .clientLeft, .abandon, .over),

    Row(.sent, .interim(bytes: 25), .pass, .attempting),
    Row(.sent, .interim(bytes: UInt32(Attempt.maximumInterimBytes + 1)), .answer(.badGateway), .over),
    Row(.sent, .status(200), .relay, .relaying),
    Row(.sent, .status(404), .relay, .relaying, Row.elsewhere),
    Row(.sent, .status(503), .again(.elsewhere), .attempting, Row.elsewhere),
    Row(.sent, .status(429), .again(.elsewhere), .attempting, Row.elsewhere),
    Row(.sent, .status(500), .again(.elsewhere), .attempting, Row.elsewhere),
    Row(.sent, .status(503), .relay, .relaying, Row.alone),
    Row(.sent, .status(503), .relay, .relaying, Row.careful),
    Row(
      .sent, .head(ResponseFacts(status: 200, isUnavailable: true)), .again(.elsewhere), .attempting,
      Row.careful),
    Row(.sent, .head(ResponseFacts(status: 200, isUnavailable: true)), .relay, .relaying, Row.alone),
    Row(.sent, .head(ResponseFacts(status: 200, isUnavailable: true)), .relay, .relaying, Row.onlyConnecting),
    Row(.sent, .status(503), .fallBack, .attempting, Row.chained),
    Row(.sent, .status(429), .fallBack, .attempting, Row.chained),
    Row(.sent, .status(501), .fallBack, .attempting, Row.chained),
    Row(.sent, .status(404), .relay, .relaying, Row.chained),
    Row(.sent, .timedOut, .fallBack, .attempting, Row.chained),
    Row(.sent, .touched, .fallBack, .attempting, Row.chained),
    Row(.sent, .untouched, .again(.same), .attempting, Row.chained),
    Row(.sent, .malformed, .answer(.badGateway), .over, Row.chained),
    Row(.held, .touched, .fallBack, .attempting, Row.chained),
    Row(.interim, .status(503), .relay, .relaying, Row.chained),
    Row(.interim, .touched, .answer(.badGateway), .over, Row.chained),
    Row(.speaking, .partial, .breakOff, .over, Row.chained),
    Row(.passage, .nobody, .turnAway(.noBackend), .over, Row.chained),
    Row(.sent, .switched(ResponseFacts(status: 101)), .tunnel, .tunnel),
    Row(.sent, .malformed, .answer(.badGateway), .over, Row.elsewhere),
    Row(.sent, .timedOut, .again(.elsewhere), .attempting, Row.elsewhere),
    Row(.sent, .timedOut, .answer(.backendTimeout), .over, Row.alone),
    Row(.sent, .timedOut, .answer(.backendTimeout), .over, Row.careful),
    Row(.sent, .touched, .again(.elsewhere), .attempting, Row.elsewhere),
    Row(.sent, .touched, .answer(.badGateway), .over, Row.alone),
    Row(.sent, .touched, .answer(.badGateway), .over, Row.careful),
    Row(.sent, .partial, .again(.elsewhere), .attempting, Row.elsewhere),
    Row(.sent, .untouched, .again(.elsewhere), .attempting, Row.careful),
    Row(.sent, .untouched, .again(.same), .attempting, Row.alone),
    Row(.sent, .unsupported, .again(.elsewhere), .attempting, Row.careful),
    Row(.sent, .unsupported, .answer(.noTunnel), .over, Row.alone),
    Row(.sent, .refused(.overloaded), .answer(.overloaded), .over),
    Row(.sent, .clientLeft, .abandon, .over),

    Row(.sent, .slow, .hedge, .attempting, Row.elsewhere),
    Row(.sent, .slow, .nothing, .attempting, Row.alone),
    Row(.connecting, .slow, .nothing, .attempting, Row.elsewhere),
    Row(.held, .slow, .nothing, .attempting, Row.elsewhere),
    Row(.interim, .slow, .nothing, .attempting, Row.elsewhere),
    Row(.twice, .opened(.kept), .send, .attempting),
    Row(.twice, .nobody, .goBack, .attempting, Row.chained),
    Row(.twice, .full, .goBack, .attempting),
    Row(.twice, .unopened, .goBack, .attempting),
    Row(.twice, .connectFailed, .goBack, .attempting, Row.elsewhere),
    Row(.twice, .earlierAnswers, .goBack, .attempting),
    Row(.twice, .earlierFailed, .endEarlier, .attempting),
    Row(.twice, .clientLeft, .abandon, .over),
    Row(.twiceSent, .slow, .nothing, .attempting, Row.elsewhere),
    Row(.twiceSent, .status(200), .relay, .relaying),
    Row(.twiceSent, .status(404), .goBack, .attempting, Row.elsewhere),
    Row(.twiceSent, .status(503), .goBack, .attempting, Row.elsewhere),
    Row(.twiceSent, .status(429), .goBack, .attempting, Row.alone),
    Row(.twiceSent, .malformed, .goBack, .attempting),
    Row(.twiceSent, .timedOut, .goBack, .attempting, Row.chained),
    Row(.twiceSent, .touched, .goBack, .attempting, Row.elsewhere),
    Row(.twiceSent, .interim(bytes: 25), .goBack, .attempting),
    Row(.twiceSent, .earlierAnswers, .goBack, .attempting),
    Row(.twiceSent, .earlierFailed, .endEarlier, .attempting),
    Row(.twiceSent, .refused(.overloaded), .answer(.overloaded), .over),
    Row(.sent, .earlierAnswers, .nothing, .attempting),
    Row(.sent, .earlierFailed, .nothing, .attempting),

    Row(.kept, .touched, .again(.fresh), .attempting, Row.alone),
    Row(.kept, .touched, .answer(.badGateway), .over, Row.careful),
    Row(.kept, .untouched, .again(.fresh), .attempting, Row.careful),
    Row(.kept, .partial, .again(.elsewhere), .attempting, Row.elsewhere),
    Row(.kept, .streamOnly, .again(.elsewhere), .attempting, Row.elsewhere),
    Row(.kept, .streamOnly, .again(.same), .attempting, Row.alone),
    Row(.streamed, .streamOnly, .again(.same), .attempting, Row.alone),

    Row(.held, .touched, .again(.elsewhere), .attempting, Row.elsewhere),
    Row(.held, .partial, .again(.elsewhere), .attempting, Row.elsewhere),
    Row(.held, .timedOut, .again(.elsewhere), .attempting, Row.elsewhere),
    Row(.held, .partial, .answer(.badGateway), .over, Row.careful),
    Row(.held, .status(200), .relay, .relaying),

    Row(.interim, .status(503), .relay, .relaying, Row.elsewhere),
    Row(.interim, .touched, .answer(.badGateway), .over, Row.elsewhere),
    Row(.interim, .timedOut, .answer(.backendTimeout), .over, Row.elsewhere),

    Row(.relaying, .ended(isClean: true), finish, .over),
    Row(.relaying, .ended(isClean: false), .finish(keepsBackend: false, keepsClient: true), .over),
    Row(.relaying, .malformed, .answer(.badGateway), .over),
    Row(.relaying, .clientLeft, .abandon, .over),
    Row(.speaking, .ended(isClean: true), finish, .over),
    Row(.speaking, .malformed, .breakOff, .over, Row.elsewhere),
    Row(.speaking, .partial, .breakOff, .over, Row.elsewhere),
    Row(.speaking, .timedOut, .breakOff, .over, Row.elsewhere),
    Row(.speaking, .refused(.overloaded), .breakOff, .over),
    Row(.speaking, .clientLeft, .abandon, .over),

    Row(.tunnel, .bothEnded, .close, .over),
    Row(.tunnel, .tunnelBroken, .severed, .over),
    Row(.tunnel, .partial, .severed, .over, Row.elsewhere),
    Row(.tunnel, .tunnelIdle, .expire, .over),
    Row(.tunnel, .timedOut, .expire, .over, Row.elsewhere),
    Row(.tunnel, .refused(.overloaded), .breakOff, .over),
    Row(.tunnel, .malformed, .breakOff, .over),
    Row(.tunnel, .clientLeft, .abandon, .over),

    Row(.passage, .connected, .join, .tunnel),
    Row(.passage, .connectFailed, .choose, .attempting, Row.careful),
    Row(.passage, .nobody, .turnAway(.noBackend), .over),
    Row(.passage, .clientLeft, .abandon, .over),
    Row(.passage, .tunnelIdle, .expire, .over),
  ]

  @Test("an event in a phase leads to one action and one phase", arguments: rows)
  func table(_ row: Row) {
    var machine = row.start.machine
    let action = machine.on(row.event) { row.facts }
    #expect(action == row.action)
    #expect(machine.phase == row.phase)
  }

  @Test(
    "what does not belong to a phase changes nothing, and an exchange that is over does nothing",
    arguments: Start.allCases)
  func strangers(_ start: Start) {
    for event in Machine.Event.all
    where !Self.rows.contains(where: { $0.start.phase == start.phase && $0.event.kind == event.kind }) {
      var machine = start.machine
      let phase = machine.phase
      let action = machine.on(event) { Row.elsewhere }
      #expect(action == .nothing, "\(event)")
      #expect(machine.phase == phase, "\(event)")
    }
  }

  @Test("a request's attempts are counted by backends chosen, not by connections made")
  func attempts() {
    var machine = Start.kept.machine
    #expect(machine.attempts == 1)
    let fresh = machine.on(.touched) { Row.alone }
    _ = machine.on(.opened(.connecting))
    #expect(fresh == .again(.fresh) && machine.attempts == 1 && machine.hasAttemptsLeft)
    let next = machine.on(.connectFailed) { Row.careful }
    _ = machine.on(.unopened)
    #expect(next == .choose && machine.attempts == 2)
    let end = machine.on(.unopened)
    #expect(end == .answer(.noBackend))
  }

  @Test("a backend that refuses untouched has the request again so often, and no more")
  func refusals() {
    var machine = Start.sent.machine
    for _ in 0..<Machine.maximumRefusals {
      let action = machine.on(.untouched) { Row.alone }
      #expect(action == .again(.same))
      _ = machine.on(.opened(.connecting))
      _ = machine.on(.connected)
    }
    let end = machine.on(.untouched) { Row.alone }
    #expect(end == .answer(.badGateway))
  }

  @Test(
    "the attempt that is gone back to is one that waits for its answer, and its end is met as any other's")
  func goingBack() {
    var machine = Start.twiceSent.machine
    #expect(machine.attempts == 2 && machine.hasEarlier)
    let back = machine.on(.touched) { Row.elsewhere }
    #expect(back == .goBack && !machine.hasEarlier && machine.requestSent && machine.attempt.isConnected)
    let again = machine.on(.touched) { Row.elsewhere }
    #expect(again == .again(.elsewhere))
    var forgotten = Start.sent.machine
    forgotten.forgetsRequest()
    let never = forgotten.on(.slow) { Row.elsewhere }
    #expect(never == .nothing)
  }

  @Test("a request that cannot be sent whole is not sent again")
  func forgotten() {
    for event in [Machine.Event.touched, .untouched, .timedOut, .status(503)] {
      var machine = Start.sent.machine
      machine.forgetsRequest()
      let action = machine.on(event) { Row.elsewhere }
      #expect(action == .relay || action.isLast, "\(event)")
    }
  }

  @Test("the next service has all its attempts, and the chain ends with the last one")
  func chain() {
    var machine = Start.kept.machine
    for _ in 0..<2 {
      let none = machine.on(.nobody) { Row.chained }
      #expect(none == .fallBack)
      machine.fallsBack(maximumAttempts: 2)
      #expect(machine.attempts == 0 && machine.hasAttemptsLeft && !machine.requestSent)
    }
    let first = machine.on(.unopened) { Row.chained }
    let second = machine.on(.unopened) { Row.alone }
    #expect(first == .choose && second == .answer(.noBackend))
  }

  @Test("a head is held back while the request could go elsewhere, once, and not behind an interim one")
  func holding() {
    var machine = Start.sent.machine
    let (alone, held) = (machine.holdsHead(canGoElsewhere: false), machine.holdsHead(canGoElsewhere: true))
    #expect(!alone && held && machine.attempt.isHeld)
    machine.releaseHead()
    let again = machine.holdsHead(canGoElsewhere: true)
    var spoken = Start.interim.machine
    let behind = spoken.holdsHead(canGoElsewhere: true)
    #expect(!again && !machine.attempt.isHeld && !behind)
  }
}

extension Start {
  var phase: Machine.Phase { machine.phase }
}

extension Machine.Event {
  /// Its name, without what it carries.
  var kind: String { String("\(self)".prefix { $0 != "(" }) }
}
