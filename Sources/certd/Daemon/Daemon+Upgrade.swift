import OS
import Proxy
import Synchronization
import TLS
import Telemetry

/// Where a daemon comes from: who has started it, and with what.
struct Launch: Sendable {
  /// The process whose place it takes; nil for a first one.
  var predecessor: Predecessor?
  /// Listening sockets that came with it.
  var sockets = InheritedSockets.none
  /// What is told of it.
  var manager = ServiceManager(environment: [:])
  /// The path of the program; nil where the system does not say.
  var program: String?

  /// As the process was started. To be called before other threads exist.
  static func find() -> Launch {
    let predecessor = Predecessor.find()
    return Launch(
      predecessor: predecessor, sockets: predecessor?.sockets ?? .fromSystemd(), manager: ServiceManager(),
      program: try? FileSystem().readLink("/proc/self/exe"))
  }
}

// The program at its path takes over, and this process ends when nobody needs it any more.
extension Daemon {
  /// How long another process may take until it serves, in milliseconds.
  static let upgradeMilliseconds: Int32 = 60_000
  /// How long exchanges of a process whose place has been taken may go on, in milliseconds: an hour.
  static let upgradeDrainMilliseconds: UInt64 = 3_600_000

  /// When the new process says once more that it serves, in seconds: systemd knows by then that it is the main one.
  static let introductionSeconds = 1.0
  /// How long whoever has asked for it has to hear that it was done, in seconds.
  static let lastAnswerSeconds = 0.2

  /// Starts the program that stands at its path by now, hands over, and ends; where it does not serve, all goes on as it was,
  /// and the reason is the result.
  @discardableResult
  func upgrade() async -> String? {
    guard successor == nil else { return "another process has taken over already" }
    guard !Successor.isImpossible else {
      log.error("upgrade: process 1 of a container cannot be replaced; start another container")
      return "process 1 of a container cannot be replaced; start another container"
    }
    guard let program else {
      log.error("upgrade: /proc does not say where the program is")
      return "/proc does not say where the program is"
    }
    log.info("upgrade: another process is started", ["program": .text(program)])
    await flushUsage()
    // Its place is another one's from here on.
    closeAdmin()
    var handover = Handover(
      ticketKeys: tickets.bytes, ticketsRotatedAt: ticketsRotatedAt, backends: await backends.knowledge)
    (handover.drained, handover.weights) = await backends.wishes
    handover.isLeaving = isLeaving
    let (sockets, arguments, knowledge) = (proxy.listening, CommandLine.arguments, handover.bytes)
    let result: Result<Int32?, SystemError>
    do throws(SystemError) {
      result = try await OwnThread.run {
        do throws(SystemError) {
          let successor = try Successor(
            program: program, arguments: arguments, sockets: sockets, knowledge: knowledge)
          let process = successor.process
          return .success(successor.serves(withinMilliseconds: Self.upgradeMilliseconds) ? process : nil)
        } catch { return .failure(error) }
      }
    } catch { result = .failure(error) }
    switch result {
    case .success(let process?):
      successor = process
      manager.follows(process: process)
      log.info("upgrade: another process serves", ["process": .number(process)])
      let stopper = stopper
      Task {
        try? await World.sleep(seconds: Self.lastAnswerSeconds)
        stopper?.yield(.begin(Signals.upgrade))
      }
      return nil
    case .success(nil):
      log.error("upgrade: the new process did not serve and has said why; this one goes on")
      openAdmin()
      return "the new process did not serve; its log says why; this one goes on"
    case .failure(let error):
      log.error("upgrade: this process goes on", ["reason": .describing(error)])
      openAdmin()
      return "\(error); this process goes on"
    }
  }

  /// It serves: whoever waits for that is told.
  func tellOfServing() {
    // Listeners that the configuration has no more: nobody accepts there.
    for address in inherited.addresses { manager.forget(address) }
    inherited.closeRest()
    if let predecessor {
      guard predecessor.ready() else {
        log.error("upgrade: the process before has been stopped; this one ends too")
        stopper?.yield(.begin(Signals.terminate))
        return
      }
      log.info("upgrade: this process has taken over")
      // What is said before the process is the main one is not heard.
      Task {
        try? await World.sleep(seconds: Self.introductionSeconds)
        self.manager.ready()
        keepSockets([])
      }
    }
    manager.ready()
    keepSockets([])
    guard let microseconds = manager.watchdogMicroseconds else { return }
    let (manager, proxy) = (manager, proxy)
    Task {
      while !Task.isCancelled {
        // A worker that stands still does not answer, and then nobody says that all is well.
        if (try? await proxy.answers()) == true { manager.alive() }
        try? await World.sleep(seconds: Double(microseconds) / 3_000_000)
      }
    }
  }

  /// Has systemd keep the listening sockets for whoever comes after a crash, and let those go that are not listened at.
  func keepSockets(_ before: Set<String>) {
    guard manager.isThere else { return }
    let now = proxy.listening
    for name in before.subtracting(now.map(\.name)) { manager.forget(name) }
    for sockets in now where !before.contains(sockets.name) { manager.keep(sockets) }
  }
}
