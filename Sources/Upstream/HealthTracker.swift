/// Turns single check results into a health by thresholds. Pure.
public struct HealthTracker: Sendable, Equatable {
  /// Failures in a row that make a healthy backend unhealthy.
  public let unhealthyThreshold: Int
  /// Successes in a row that make an unhealthy backend healthy.
  public let healthyThreshold: Int
  /// The health so far.
  public private(set) var health = BackendStatus.Health.unknown
  private var streak = 0

  /// A tracker that goes on from what is known of a backend, by default nothing; thresholds are at least 1.
  public init(
    unhealthyThreshold: Int, healthyThreshold: Int, health: BackendStatus.Health = .unknown
  ) {
    self.health = health
    self.unhealthyThreshold = max(1, unhealthyThreshold)
    self.healthyThreshold = max(1, healthyThreshold)
  }

  /// It is not ready yet and will be: nothing is known of it again, so that the next result decides at once.
  public mutating func wait() {
    health = .unknown
    streak = 0
  }

  /// Takes a result in; true when the health has changed. The first result decides at once.
  public mutating func record(success: Bool) -> Bool {
    switch health {
    case .unknown:
      health = success ? .healthy : .unhealthy
      streak = 0
      return true
    case .healthy:
      streak = success ? 0 : streak + 1
      guard streak >= unhealthyThreshold else { return false }
      health = .unhealthy
    case .unhealthy:
      streak = success ? streak + 1 : 0
      guard streak >= healthyThreshold else { return false }
      health = .healthy
    }
    streak = 0
    return true
  }
}
