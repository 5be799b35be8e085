/// What a server's frames mean, and whether it may send them.
extension HTTP2Connection {
  /// Takes in a frame.
  func take(_ frame: Frame) {
    let stream = frame.stream
    if let begun = open, frame.type != Frame.Kind.continuation || begun.frame.stream != stream {
      violations.append("type \(frame.type) within a header block")
    }
    switch frame.type {
    case Frame.Kind.data: takeData(frame)
    case Frame.Kind.headers, Frame.Kind.continuation: takeHeaderFrame(frame)
    case Frame.Kind.rstStream:
      if streams[stream] == nil { violations.append("RST_STREAM on the idle stream \(stream)") }
      self[stream].reset = Frame.readWord(frame.payload)
    case Frame.Kind.settings: takeSettings(frame)
    case Frame.Kind.ping:
      if frame.payload.count != 8 || stream != 0 { violations.append("a PING that is none") }
      if frame.has(Frame.Flag.ack) {
        pongs.append(frame.payload)
      } else {
        send(.ping(frame.payload, ack: true))
      }
    case Frame.Kind.goAway:
      let last = Frame.readWord(frame.payload)
      if let before = goAway, last > before.last { violations.append("a GOAWAY that takes back another") }
      goAway = GoAway(last: last, code: Frame.readWord(frame.payload.dropFirst(4)))
    case Frame.Kind.windowUpdate:
      let increment = Int64(Frame.readWord(frame.payload))
      if increment == 0 { violations.append("a WINDOW_UPDATE of 0") }
      if stream == 0 { sendWindow += increment } else { self[stream].sendWindow += increment }
    case Frame.Kind.pushPromise: violations.append("a PUSH_PROMISE")
    case Frame.Kind.priority: violations.append("a PRIORITY")
    default: break
    }
  }

  private func takeSettings(_ frame: Frame) {
    if frame.stream != 0 { violations.append("SETTINGS on a stream") }
    if frame.has(Frame.Flag.ack) {
      settingsAcks += 1
      if !tableSizes.isEmpty, let size = tableSizes.removeFirst() { decoder.limitTable(Int(size)) }
      return
    }
    settingsFrames += 1
    for (id, value) in Self.values(frame.payload) {
      if id == Setting.initialWindowSize.rawValue {
        let change = Int64(value) - Int64(settings[id] ?? 65_535)
        for stream in streams.keys { streams[stream]?.sendWindow += change }
      }
      settings[id] = value
    }
    if acknowledges { send(.settingsAck) }
  }

  private func takeData(_ frame: Frame) {
    let stream = frame.stream
    guard var account = streams[stream], account.status != nil, !account.isOver else {
      return violations.append("DATA on the stream \(stream), which is not open")
    }
    // Taken out while it is changed, so that what it holds is not copied each time.
    streams[stream] = nil
    let size = Int64(frame.payload.count)
    receiveWindow -= size
    account.receiveWindow -= size
    if receiveWindow < 0 || account.receiveWindow < 0 { violations.append("DATA beyond the window") }
    var content = frame.payload[...]
    if frame.has(Frame.Flag.padded), let padding = content.first {
      content = content.dropFirst().dropLast(Int(padding))
    }
    if keepsBodies { account.body += content }
    account.count += content.count
    account.dataSizes.append(content.count)
    account.hasEnded = frame.has(Frame.Flag.endStream)
    streams[stream] = account
    if givesBack, size > 0 {
      send(.windowUpdate(0, UInt32(size)))
      if !account.hasEnded { send(.windowUpdate(stream, UInt32(size))) }
    }
  }

  private func takeHeaderFrame(_ frame: Frame) {
    var content = frame.payload[...]
    if frame.type == Frame.Kind.headers {
      if frame.has(Frame.Flag.padded), let padding = content.first {
        content = content.dropFirst().dropLast(Int(padding))
      }
      if frame.has(Frame.Flag.priority) { content = content.dropFirst(5) }
      open = (frame, Array(content))
    } else if open != nil {
      open?.block += content
    } else {
      return violations.append("a CONTINUATION that continues nothing")
    }
    guard frame.has(Frame.Flag.endHeaders), let whole = open else { return }
    open = nil
    guard let headers = decoder.decode(whole.block) else {
      return violations.append("a header block that does not decode")
    }
    takeHeaders(whole.frame.stream, headers, end: whole.frame.has(Frame.Flag.endStream))
  }

  private func takeHeaders(_ stream: UInt32, _ headers: [Header], end: Bool) {
    guard var account = streams[stream], !account.isOver else {
      return violations.append("HEADERS on the stream \(stream), which is not open")
    }
    for header in headers { check(header) }
    let status = headers.first.flatMap { header in
      header.name == Array(":status".utf8) ? Int(String(decoding: header.value, as: UTF8.self)) : nil
    }
    if headers.dropFirst().contains(where: { $0.name.first == 0x3A }) {
      violations.append("a pseudo-header field in the wrong place")
    }
    if account.status != nil {
      if !end || status != nil { violations.append("trailers that do not end the stream, or with a status") }
      account.trailers = headers
    } else if let status, 100..<200 ~= status {
      if end || status == 101 { violations.append("an interim response \(status) that cannot be") }
      account.interim.append(status)
    } else if let status {
      account.status = status
      account.headers = Array(headers.dropFirst())
    } else {
      violations.append("a response without a status")
    }
    account.hasEnded = end
    streams[stream] = account
  }

  /// RFC 9113 §8.2.
  private func check(_ header: Header) {
    let hasCapital = header.name.contains { 0x41...0x5A ~= $0 }
    let hasControl = header.value.contains { [0, 10, 13].contains($0) }
    let isBare = header.value.first.map { $0 != 0x20 && $0 != 0x09 } ?? true
    if hasCapital || hasControl || !isBare || header.name.isEmpty { violations.append("the field \(header)") }
    let name = String(decoding: header.name, as: UTF8.self)
    if ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"].contains(name) {
      violations.append("the connection's field \(header)")
    }
  }
}
