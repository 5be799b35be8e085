import FuzzTargets
import Glibc

/// The target that FUZZ_TARGET names, once.
private let target: FuzzTarget = {
  let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
  guard let found = FuzzTarget.all.first(where: { $0.name == name }) else {
    fatalError("FUZZ_TARGET: one of " + FuzzTarget.all.map(\.name).joined(separator: ", "))
  }
  return found
}()

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  target.run(
    Array(UnsafeBufferPointer(start: bytes, count: bytes == nil ? 0 : min(count, FuzzTarget.maximumBytes))))
  return 0
}
