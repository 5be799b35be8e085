internal import EventLoop
internal import Exchange
internal import Telemetry

// How long services take, measured by whoever serves: two small histograms of each, for metrics.
struct Durations: Stage {
  @inline(__always)
  func judge(
    _ worker: Worker, _ exchange: Ref<Exchange>, _ backend: Ref<BackendConnection>,
    _ base: UnsafePointer<UInt8>
  ) {
    guard let service = unsafe exchange.service else { return }
    let taken = worker.microseconds(exchange)
    unsafe service.pointee.times._withUnsafeGuaranteedRef { $0.head.record(taken) }
  }

  @inline(__always)
  func end(_ worker: Worker, _ exchange: Ref<Exchange>) {
    guard let service = unsafe exchange.service else { return }
    let taken = worker.microseconds(exchange)
    unsafe service.pointee.times._withUnsafeGuaranteedRef { $0.total.record(taken) }
  }
}

extension Worker {
  /// Since an exchange began.
  @inline(__always)
  fileprivate func microseconds(_ exchange: Ref<Exchange>) -> UInt64 {
    (nowNanoseconds &- min(exchange.startedNanoseconds, nowNanoseconds)) / 1000
  }
}
