/// What signals mean, whatever their number: reloads that have not begun are one, a stop is asked for once and then
/// insisted on. Pure.
struct SignalIntake {
  enum Action: Equatable {
    /// Nothing new.
    case nothing
    /// Put a reload into the queue.
    case reload
    /// Put an opening of the logs into the queue.
    case reopen
    /// Put a change to the program at its path into the queue.
    case upgrade
    /// Begin to stop, before anything that waits.
    case stop
    /// Stop without waiting for anybody.
    case stopNow
  }

  enum Kind: CaseIterable { case hangup, reopen, upgrade, stop }

  private var reloadWaits = false
  private var reopenWaits = false
  private var upgradeWaits = false
  private var isStopping = false

  /// A signal has come.
  mutating func take(_ kind: Kind) -> Action {
    switch kind {
    case .stop where isStopping: return .stopNow
    case .stop:
      isStopping = true
      return .stop
    case _ where isStopping: return .nothing
    case .hangup:
      defer { reloadWaits = true }
      return reloadWaits ? .nothing : .reload
    case .reopen:
      defer { reopenWaits = true }
      return reopenWaits ? .nothing : .reopen
    case .upgrade:
      defer { upgradeWaits = true }
      return upgradeWaits ? .nothing : .upgrade
    }
  }

  /// What was asked for begins: whatever comes from now on may not be covered by it.
  mutating func begins(_ kind: Kind) {
    switch kind {
    case .hangup: reloadWaits = false
    case .reopen: reopenWaits = false
    case .upgrade: upgradeWaits = false
    case .stop: break
    }
  }
}
