internal import Synchronization

/// The series of one worker. One thread finds and makes them, any thread reads.
@safe public final class GenAITable: @unchecked Sendable {
  /// The most series of one worker. What comes beyond is counted under the model `_other`, with neither service nor backend.
  public static let maximumSeries = 1024
  private static let slotCount = maximumSeries * 2

  @safe private struct Slot {
    var key: UInt64 = 0
    var series: Unmanaged<GenAISeries>?
  }

  private let slots: UnsafeMutablePointer<Slot>
  private let all = Mutex<[GenAISeries]>([])
  private var count = 0
  private let other = GenAISeries(.init(service: "", backend: "", model: "_other", operation: "_OTHER"))

  /// Without series.
  public init() {
    unsafe slots = .allocate(capacity: Self.slotCount)
    unsafe slots.initialize(repeating: Slot(), count: Self.slotCount)
  }

  deinit { unsafe slots.deallocate() }

  /// The series of a key, which is a hash of what its labels say; `labels` are asked for when there is none yet. It stays
  /// as long as the table does. Only for the thread that owns the table.
  public func find(_ key: UInt64, _ labels: () -> GenAISeries.Labels) -> Unmanaged<GenAISeries> {
    var place = Int(truncatingIfNeeded: key % UInt64(Self.slotCount))
    while let series = unsafe slots[place].series {
      if unsafe slots[place].key == key { return unsafe series }
      place = (place + 1) % Self.slotCount
    }
    guard count < Self.maximumSeries else {
      if count == Self.maximumSeries {
        count += 1
        all.withLock { $0.append(other) }
      }
      return unsafe Unmanaged.passUnretained(other)
    }
    count += 1
    let made = GenAISeries(labels())
    all.withLock { $0.append(made) }
    let series = unsafe Unmanaged.passUnretained(made)
    unsafe slots[place] = unsafe Slot(key: key, series: series)
    return unsafe series
  }

  /// All series there are, from any thread.
  public var series: [GenAISeries] { all.withLock { $0 } }
}
