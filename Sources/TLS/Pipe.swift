internal import COpenSSL

/// The two buffers between OpenSSL and a socket: one pair for each worker, shared by all its sessions.
///
/// Nothing here reads or writes a descriptor. Before a session is fed, its owner puts what it received
/// into the input window; after a step it sends what stands in `output` and calls `clearOutput`.
@safe public struct RecordPipe: ~Copyable, @unchecked Sendable {
  /// Room for received records, in bytes: one recv.
  public static let inputCapacity = 32 * 1024
  /// Room for records to be sent, in bytes: four full records of one 64 KiB write, and a handshake's flight.
  public static let outputCapacity = 96 * 1024

  let state: UnsafeMutablePointer<PipeState>

  /// Empty buffers.
  public init() {
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(
      to: PipeState(
        input: nil, inputLeft: 0, output: .allocate(byteCount: Self.outputCapacity, alignment: 64),
        outputCount: 0))
    unsafe receiveBuffer = .allocate(byteCount: Self.inputCapacity, alignment: 64)
  }

  deinit {
    unsafe state.pointee.output.deallocate()
    unsafe state.deallocate()
    unsafe receiveBuffer.deallocate()
  }

  /// Where to receive into before `setInput`.
  public let receiveBuffer: UnsafeMutableRawPointer

  /// Shows received bytes to the session that is stepped next. They must stay where they are until consumed.
  @inlinable
  public func setInput(_ bytes: UnsafeRawPointer?, _ count: Int) {
    unsafe _setInput(bytes, count)
  }

  @usableFromInline
  func _setInput(_ bytes: UnsafeRawPointer?, _ count: Int) {
    unsafe state.pointee.input = unsafe bytes
    unsafe state.pointee.inputLeft = count
  }

  /// What no session has consumed yet of the input.
  public var unreadInput: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: state.pointee.input, count: state.pointee.inputLeft)
  }

  /// Records waiting to be sent.
  public var output: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: state.pointee.output, count: state.pointee.outputCount)
  }

  /// Forgets the output: it has been sent or parked.
  public func clearOutput() { unsafe state.pointee.outputCount = 0 }
}

/// What the BIO's callbacks see.
@safe struct PipeState {
  var input: UnsafeRawPointer?
  var inputLeft: Int
  let output: UnsafeMutableRawPointer
  var outputCount: Int
}

/// The BIO method of all our sessions: reads from the window, appends to the output, never blocks.
enum PipeBIO {
  nonisolated(unsafe) static let method: OpaquePointer? = {
    guard let method = unsafe BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "certd records") else {
      return nil
    }
    unsafe BIO_meth_set_read(method) { bio, out, wanted in
      guard let bio = unsafe bio, let out = unsafe out, wanted > 0, let raw = unsafe BIO_get_data(bio) else {
        return -1
      }
      let state = unsafe raw.assumingMemoryBound(to: PipeState.self)
      unsafe certd_BIO_clear_retry_flags(bio)
      let n = unsafe min(Int(wanted), state.pointee.inputLeft)
      guard n > 0, let input = unsafe state.pointee.input else {
        unsafe certd_BIO_set_retry_read(bio)
        return -1
      }
      unsafe UnsafeMutableRawPointer(out).copyMemory(from: input, byteCount: n)
      unsafe state.pointee.input = unsafe input + n
      unsafe state.pointee.inputLeft -= n
      return Int32(n)
    }
    unsafe BIO_meth_set_write(method) { bio, bytes, count in
      guard let bio = unsafe bio, let bytes = unsafe bytes, count > 0, let raw = unsafe BIO_get_data(bio)
      else { return -1 }
      let state = unsafe raw.assumingMemoryBound(to: PipeState.self)
      unsafe certd_BIO_clear_retry_flags(bio)
      guard unsafe Int(count) <= RecordPipe.outputCapacity - state.pointee.outputCount else {
        unsafe certd_BIO_set_retry_write(bio)
        return -1
      }
      unsafe (state.pointee.output + state.pointee.outputCount)
        .copyMemory(from: UnsafeRawPointer(bytes), byteCount: Int(count))
      unsafe state.pointee.outputCount += Int(count)
      return count
    }
    unsafe BIO_meth_set_ctrl(method) { _, command, _, _ in
      command == BIO_CTRL_FLUSH ? 1 : 0
    }
    unsafe BIO_meth_set_create(method) { bio in
      unsafe BIO_set_init(bio, 1)
      return 1
    }
    return unsafe method
  }()
}
