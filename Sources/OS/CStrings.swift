import CLinux

/// Calls `body` with a null-terminated array of C strings. Text after a NUL is cut off by the callee.
func withCStrings<R>(
  _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
) -> R {
  var pointers: [UnsafeMutablePointer<CChar>?] = unsafe texts.map { unsafe strdup($0) }
  unsafe pointers.append(nil)
  defer { unsafe pointers.forEach { pointer in unsafe free(pointer) } }
  return unsafe body(pointers)
}
