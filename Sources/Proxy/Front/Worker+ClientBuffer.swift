internal import Bytes
internal import EventLoop

// A client's buffer: there while it is needed.
extension Worker {
  func takeBuffer(_ client: Ref<ClientConnection>) {
    guard unsafe client.buffer == nil else { return }
    let isNew = client.exchange == nil && client.mux == nil
    unsafe client.buffer = unsafe buffers.acquire(isNew ? .beginning : .goingOn)
    guard unsafe client.buffer != nil else { return }
    client.element.emptyBuffer()
    client.searched = 0
    client.headTimed = false
  }

  func dropBuffer(_ client: Ref<ClientConnection>) {
    guard let buffer = unsafe client.buffer else { return }
    unsafe buffers.release(buffer)
    unsafe client.buffer = nil
    client.start = 0
    client.end = 0
    client.searched = 0
  }
}
