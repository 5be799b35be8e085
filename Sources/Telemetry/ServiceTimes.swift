public import Synchronization

/// How often values came that are below each power of two. One thread records, any thread reads; small, for many of them.
@safe public final class CoarseHistogram: @unchecked Sendable {
  /// What is not below two to the power of this shares the last bucket.
  @usableFromInline static let maximumExponent = 30
  /// The first power of two that is told.
  static let minimumExponent = 8

  @usableFromInline let storage: UnsafeMutablePointer<Atomic<UInt64>>

  /// Empty.
  public init() {
    // One for what is beyond, and one for the sum.
    let count = Self.maximumExponent + 3
    unsafe storage = .allocate(capacity: count)
    for index in 0..<count { unsafe (storage + index).initialize(to: Atomic(0)) }
  }

  deinit {
    unsafe storage.deinitialize(count: Self.maximumExponent + 3)
    unsafe storage.deallocate()
  }

  /// Records a value. Only for the thread that owns the histogram.
  @inlinable @inline(__always)
  public func record(_ value: UInt64) {
    let index = min(64 - value.leadingZeroBitCount, Self.maximumExponent + 1)
    unsafe storage[index].store(storage[index].load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    let last = Self.maximumExponent + 2
    unsafe storage[last].store(storage[last].load(ordering: .relaxed) &+ value, ordering: .relaxed)
  }

  /// How many were below two to a power.
  func count(below exponent: Int) -> UInt64 {
    (0...min(exponent, Self.maximumExponent + 1)).reduce(0) {
      unsafe $0 &+ storage[$1].load(ordering: .relaxed)
    }
  }

  /// The sum of all values.
  var sum: UInt64 { unsafe storage[Self.maximumExponent + 2].load(ordering: .relaxed) }
}

/// What one worker has measured of the requests to one service, in microseconds.
public final class ServiceTimes: Sendable {
  /// From a connection's beginning until it can be used, TLS included; over HTTP/2 none is measured.
  public let connect = CoarseHistogram()
  /// From a request's head to the head of its answer.
  public let head = CoarseHistogram()
  /// From a request's head to the end of its answer, or whatever came of it.
  public let total = CoarseHistogram()

  /// Nothing yet.
  public init() {}
}

/// The services of one worker, which stay over reloads.
public final class ServiceTimesTable: Sendable {
  /// The most services that are told apart; what comes beyond is counted as `_other`.
  public static let maximumServices = 256
  private static let other = "_other"

  private let all = Mutex<[String: ServiceTimes]>([:])

  /// Without services.
  public init() {}

  /// Those of a service.
  public func times(of service: String) -> ServiceTimes {
    all.withLock { all in
      let name = all[service] != nil || all.count < Self.maximumServices ? service : Self.other
      if let known = all[name] { return known }
      let made = ServiceTimes()
      all[name] = made
      return made
    }
  }

  var services: [String: ServiceTimes] { all.withLock { $0 } }
}

extension MetricsText {
  /// Writes what workers have measured of services. Durations are in seconds.
  public mutating func services(_ tables: [ServiceTimesTable]) {
    var groups: [String: [ServiceTimes]] = [:]
    for table in tables { for (name, times) in table.services { groups[name, default: []].append(times) } }
    let sorted = groups.sorted { $0.key < $1.key }
    guard !sorted.isEmpty else { return }
    histogram(
      "certd_upstream_connect_seconds", "From a connection's beginning until it can be used, TLS included.",
      sorted, \.connect)
    histogram(
      "certd_upstream_first_byte_seconds", "From a request's head to the head of its answer.", sorted, \.head)
    histogram(
      "certd_request_duration_seconds", "From a request's head to the end of its answer.", sorted, \.total)
  }

  private mutating func histogram(
    _ name: String, _ help: String, _ groups: [(key: String, value: [ServiceTimes])],
    _ path: KeyPath<ServiceTimes, CoarseHistogram>
  ) {
    var out = "# HELP \(name) \(help)\n# TYPE \(name) histogram\n"
    for (service, times) in groups {
      let label = Self.label("service", service)
      for exponent in CoarseHistogram.minimumExponent...CoarseHistogram.maximumExponent {
        let count = times.reduce(UInt64(0)) { $0 &+ $1[keyPath: path].count(below: exponent) }
        out += "\(name)_bucket{\(label),le=\"\(Exposition.seconds(1 << UInt64(exponent)))\"} \(count)\n"
      }
      let all = times.reduce(UInt64(0)) {
        $0 &+ $1[keyPath: path].count(below: CoarseHistogram.maximumExponent + 1)
      }
      let sum = times.reduce(UInt64(0)) { $0 &+ $1[keyPath: path].sum }
      out += "\(name)_bucket{\(label),le=\"+Inf\"} \(all)\n"
      out += "\(name)_sum{\(label)} \(Exposition.seconds(sum))\n\(name)_count{\(label)} \(all)\n"
    }
    append(out)
  }
}
