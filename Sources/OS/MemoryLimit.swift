/// How much memory this process may use.
public enum MemoryLimit {
  /// The least of the machine's memory and the limit of the control group (version 2, or 1), in bytes.
  public static func bytes() -> UInt64 {
    let root = "/sys/fs/cgroup"
    let own = group(text("/proc/self/cgroup")).map { ["\(root)\($0)/memory.max"] } ?? []
    let groups = own + ["\(root)/memory.max", "\(root)/memory/memory.limit_in_bytes"]
    let limits = groups.compactMap { number(in: text($0)) }
    return min(limits.min() ?? .max, machine(text("/proc/meminfo")) ?? .max)
  }

  /// A control group's number; nil for `max` and what is none.
  static func number(in text: Substring) -> UInt64? {
    UInt64(text.prefix { !$0.isWhitespace })
  }

  /// The path of version 2's group in `/proc/self/cgroup`.
  static func group(_ text: Substring) -> Substring? {
    text.split(separator: "\n").first { $0.hasPrefix("0::/") }?.dropFirst(3)
  }

  /// `MemTotal` of `/proc/meminfo`, which counts in KiB.
  static func machine(_ text: Substring) -> UInt64? {
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemTotal:") }) else {
      return nil
    }
    let digits = line.drop { !$0.isNumber }.prefix { $0.isNumber }
    return UInt64(digits).flatMap { $0 > UInt64.max >> 10 ? nil : $0 << 10 }
  }

  private static func text(_ path: String) -> Substring {
    let bytes = (try? FileSystem().read(path, limitInBytes: 1 << 16)) ?? []
    return Substring(String(decoding: bytes, as: UTF8.self))
  }
}
