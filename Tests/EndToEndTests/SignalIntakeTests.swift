import TestRun
import Testing

@testable import certd

@Suite(.ownThread) struct SignalIntakeTests {
  /// `h` for a hangup, `r` for reopen, `u` for another program, `s` for stop; `H` and `R` when what they asked for begins.
  @Test(
    "reloads that wait are one, a stop is begun once and then insisted on",
    arguments: [
      ("h", [.reload]), ("hhh", [.reload, .nothing, .nothing]), ("hHh", [.reload, .reload]),
      ("hHhh", [.reload, .reload, .nothing]), ("hr", [.reload, .reopen]),
      ("rrRr", [.reopen, .nothing, .reopen]),
      ("hhs", [.reload, .nothing, .stop]), ("sh", [.stop, .nothing]), ("sr", [.stop, .nothing]),
      ("sss", [.stop, .stopNow, .stopNow]), ("hHsh", [.reload, .stop, .nothing]),
      ("uuh", [.upgrade, .nothing, .reload]), ("su", [.stop, .nothing]),
    ] as [(String, [SignalIntake.Action])])
  func table(_ signals: String, _ expected: [SignalIntake.Action]) {
    var intake = SignalIntake()
    var actions: [SignalIntake.Action] = []
    for signal in signals {
      switch signal {
      case "h": actions.append(intake.take(.hangup))
      case "r": actions.append(intake.take(.reopen))
      case "u": actions.append(intake.take(.upgrade))
      case "s": actions.append(intake.take(.stop))
      case "H": intake.begins(.hangup)
      default: intake.begins(.reopen)
      }
    }
    #expect(actions == expected)
  }
}
