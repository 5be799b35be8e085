import PKI
import CertStore
import OS
import Proxy
import TLS
import Telemetry

/// The port for HTTP-01 where no listener of the configuration has it: held only while something is ordered.
actor ChallengePort {
  private let address: SocketAddress?
  private let store: CertStore
  private let log: Log
  private var listener: EdgeProxy?
  private var turn: FileLock?

  /// A port that is not held yet; without an address, never.
  init(_ address: SocketAddress?, _ store: CertStore, _ log: Log) {
    self.address = address
    self.store = store
    self.log = log
  }

  /// Holds the port. Another program that has it is no reason not to try: it may be one that answers from this store.
  func open() async {
    guard let address, listener == nil else { return }
    // A command may have it for its own orders.
    turn = await RenewalJob.takeTurn(store)
    var settings = Proxy.Settings()
    settings.listeners = [.init(address: address, profile: nil)]
    let memory = store.challengeMemory()
    do throws(ProxyError) {
      listener = try EdgeProxy(
        workers: 1, settings: settings, credentials: [], tickets: TicketKeys(random: { Random.bytes($0) }),
        challenge: { memory.answer(token: $0) },
        validation: { _ in nil }, report: { _ in })
      log.info("answering challenges", ["address": .describing(address)])
    } catch {
      log.warn(
        "the port for HTTP-01 is not to be had; CAs get answers only if what has it sends them here",
        ["address": .describing(address), "reason": .describing(error)])
    }
  }

  /// Whether one of these addresses has the same port.
  func isFor(_ others: [SocketAddress]) -> Bool { others.contains { $0.port == address?.port } }

  /// Lets go of the port; an answer under way is given. Returns whether it was held.
  @discardableResult
  func close() async -> Bool {
    let held = listener
    listener = nil
    await held?.drain(milliseconds: 1000)
    turn = nil
    return held != nil
  }
}
