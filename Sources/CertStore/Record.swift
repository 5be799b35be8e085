import OS

/// What reading a small JSON record came to. A failing system is an error instead: it proves nothing.
enum Record<Value: Decodable> {
  case missing
  case damaged(String)
  case found(Value)
}

extension CertStore {
  /// Reads a record.
  func readRecord<Value: Decodable>(
    _ type: Value.Type, _ path: String
  ) throws(SystemError) -> Record<Value> {
    let bytes: [UInt8]
    do { bytes = try fs.read(path, limitInBytes: StoreJSON.maximumRecordInBytes) } catch {
      if error.isAbsence { return .missing }
      if error.isResourceFailure { throw error }
      return .damaged("\(layout.relative(path)): \(SystemError(call: error.call, code: error.code))")
    }
    guard let value = StoreJSON.decode(type, bytes) else {
      return .damaged("\(layout.relative(path)) is damaged")
    }
    return .found(value)
  }
}
