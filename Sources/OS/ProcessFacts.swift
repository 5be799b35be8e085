import CLinux

/// What the system counts of this process.
public struct ProcessFacts: Sendable {
  /// Processor time in user and system mode, in seconds.
  public let processorSeconds: Double
  /// Memory that is resident, in bytes.
  public let residentBytes: Int
  /// Open descriptors; nil where /proc is not to be had.
  public let openDescriptors: Int?
  /// The most descriptors that may be open.
  public let maximumDescriptors: Int

  /// The number of this process.
  public static var ownNumber: Int32 { getpid() }

  /// The present values.
  public static func now() -> ProcessFacts {
    var usage = rusage()
    _ = unsafe getrusage(RUSAGE_SELF.rawValue, &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    // The second field of statm is in pages.
    let statm = (try? FileSystem().read("/proc/self/statm", limitInBytes: 256)) ?? []
    let pages = String(decoding: statm, as: UTF8.self).split(separator: " ").dropFirst().first.flatMap {
      Int($0)
    }
    var limit = rlimit()
    _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return ProcessFacts(
      processorSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
      residentBytes: (pages ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))),
      openDescriptors: (try? FileSystem().list("/proc/self/fd"))?.count,
      maximumDescriptors: Int(clamping: limit.rlim_cur))
  }
}
