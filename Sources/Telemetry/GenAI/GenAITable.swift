internal import Synchronization

/// The series of one worker. One thread finds and makes them, any thread reads.
@safe public final class GenAITable: @unchecked Sendable {
  /// The most series of one worker; the one that has been used longest ago gives its place to the next.
  public static let maximumSeries = 1024

  private struct Entry {
    var key: UInt64
    var series: GenAISeries
    var newer: Int32 = -1
    var older: Int32 = -1
  }

  private let all = Mutex<[GenAISeries]>([])
  private var places: [UInt64: Int32] = [:]
  private var entries: [Entry] = []
  private var newest: Int32 = -1
  private var oldest: Int32 = -1

  /// Without series.
  public init() {}

  /// The series of a key, which is a hash of what its labels say; `labels` are asked for when there is none yet. Only for the
  /// thread that owns the table; whoever keeps it beyond the call retains it.
  public func find(_ key: UInt64, _ labels: () -> GenAISeries.Labels) -> Unmanaged<GenAISeries> {
    if let place = places[key] {
      if place != newest {
        unlink(place)
        pushNewest(place)
      }
      return unsafe Unmanaged.passUnretained(entries[Int(place)].series)
    }
    let made = GenAISeries(labels())
    let place: Int32
    if entries.count < Self.maximumSeries {
      place = Int32(entries.count)
      entries.append(Entry(key: key, series: made))
      all.withLock { $0.append(made) }
    } else {
      place = oldest
      unlink(place)
      let old = entries[Int(place)]
      places[old.key] = nil
      entries[Int(place)] = Entry(key: key, series: made)
      all.withLock { all in
        if let at = all.firstIndex(where: { $0 === old.series }) { all[at] = made }
      }
    }
    places[key] = place
    pushNewest(place)
    return unsafe Unmanaged.passUnretained(made)
  }

  /// All series there are, from any thread.
  public var series: [GenAISeries] { all.withLock { $0 } }

  private func unlink(_ place: Int32) {
    let (newer, older) = (entries[Int(place)].newer, entries[Int(place)].older)
    if newer >= 0 { entries[Int(newer)].older = older } else { newest = older }
    if older >= 0 { entries[Int(older)].newer = newer } else { oldest = newer }
  }

  private func pushNewest(_ place: Int32) {
    entries[Int(place)].newer = -1
    entries[Int(place)].older = newest
    if newest >= 0 { entries[Int(newest)].newer = place } else { oldest = place }
    newest = place
  }
}
