import Proxy
import Telemetry

/// Puts the proxy's messages about single connections into the log.
enum ProxyMessages {
  static func write(_ event: ProxyEvent, to log: Log) {
    switch event {
    case .handshakeFailed(let peer, let reason):
      log.debug("handshake failed", ["peer": .text(peer), "reason": .text(reason)])
    case .proxyHeaderRefused(let peer, let reason):
      log.warn("PROXY header refused", ["peer": .text(peer), "reason": .text(reason)])
    case .requestRefused(let peer, let reason):
      log.debug("request refused", ["peer": .text(peer), "reason": .text(reason)])
    case .backendFailed(let backend, let reason):
      log.warn("backend failed", ["backend": .text(backend), "reason": .text(reason)])
    case .backendEjected(let backend, let seconds):
      log.warn(
        "backend ejected after failures in a row",
        ["backend": .text(backend), "seconds": .integer(Int64(seconds))])
    case .accessLogFailed(let reason):
      log.error("access log could not be opened again; the old file is written on", ["reason": .text(reason)])
    case .outOfBuffers:
      log.error("out of buffers; requests are refused (limits.buffer_memory)")
    case .outOfDescriptors: log.error("out of file descriptors; raise the limit (ulimit -n)")
    }
  }
}
