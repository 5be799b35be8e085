public import Synchronization

/// What each worker counts.
public enum Counter: Int, CaseIterable, Sendable {
  case connectionsAccepted, connectionsClosed, connectionsRefused, idleConnectionsClosed
  case handshakesFull, handshakesResumed, handshakesFailed
  case handshakesTLS12, handshakesTLS13
  case requests, requestsRejected, requestsWithoutBackend, requestsWithoutBuffer, requestsAborted,
    requestTimeouts, requestsBeyondLimits
  case contentPassedOn, contentTooLarge, contentWithoutRoom
  case responses1xx, responses2xx, responses3xx, responses4xx, responses5xx
  case bytesReceived, bytesSent
  case upstreamConnectionsOpened, upstreamConnectionsReused, upstreamConnectionsFailed
  case hedgesWon, hedgesLost, hedgesAbandoned
  case upstreamStandstills, streamHeartbeats, streamsBrokenOff
  case upstreamRetries, upstreamFallbacks, upstreamTimeouts, upgrades, accessLinesDropped,
    validations
  case ejectionsForErrors, ejectionsForGatewayErrors, ejectionsForSuccessRate, ejectionsForLatency
  case http2Connections, http2Requests, http2ConnectionErrors
  case h2RapidResets, h2MadeResets, h2ContinuationFloods, h2SettingsFloods, h2PingFloods, h2EmptyFrameFloods,
    h2ControlFloods
  case h2ZeroWindowStalls
  case proxyHeadersRefused, passages, tunnelTimeouts
  case compressions, compressionsRefused

  /// The metric's name.
  public var name: String {
    switch self {
    case .connectionsAccepted: "certd_connections_accepted_total"
    case .connectionsClosed: "certd_connections_closed_total"
    case .connectionsRefused: "certd_connections_refused_total"
    case .idleConnectionsClosed: "certd_idle_connections_closed_total"
    case .handshakesFull, .handshakesResumed, .handshakesFailed: "certd_tls_handshakes_total"
    case .handshakesTLS12, .handshakesTLS13: "certd_tls_versions_total"
    case .requests: "certd_requests_total"
    case .requestsRejected: "certd_requests_rejected_total"
    case .requestsWithoutBackend: "certd_requests_without_backend_total"
    case .requestsWithoutBuffer: "certd_requests_without_buffer_total"
    case .requestsAborted: "certd_requests_aborted_total"
    case .requestTimeouts: "certd_request_timeouts_total"
    case .requestsBeyondLimits: "certd_requests_beyond_key_limits_total"
    case .contentPassedOn: "certd_request_content_passed_on_total"
    case .contentTooLarge: "certd_request_content_too_large_total"
    case .contentWithoutRoom: "certd_request_content_without_room_total"
    case .responses1xx, .responses2xx, .responses3xx, .responses4xx, .responses5xx: "certd_responses_total"
    case .bytesReceived: "certd_received_bytes_total"
    case .bytesSent: "certd_sent_bytes_total"
    case .upstreamConnectionsOpened, .upstreamConnectionsReused, .upstreamConnectionsFailed:
      "certd_upstream_connections_total"
    case .hedgesWon, .hedgesLost, .hedgesAbandoned: "certd_hedges_total"
    case .upstreamRetries: "certd_upstream_retries_total"
    case .upstreamFallbacks: "certd_upstream_fallbacks_total"
    case .upstreamTimeouts: "certd_upstream_timeouts_total"
    case .upstreamStandstills: "certd_upstream_standstills_total"
    case .streamHeartbeats: "certd_stream_heartbeats_total"
    case .streamsBrokenOff: "certd_streams_broken_off_total"
    case .ejectionsForErrors, .ejectionsForGatewayErrors, .ejectionsForSuccessRate, .ejectionsForLatency:
      "certd_backend_ejections_total"
    case .validations: "certd_tls_alpn_validations_total"
    case .upgrades: "certd_upgrades_total"
    case .accessLinesDropped: "certd_access_log_dropped_lines_total"
    case .http2Connections: "certd_http2_connections_total"
    case .http2Requests: "certd_http2_requests_total"
    case .http2ConnectionErrors: "certd_http2_connection_errors_total"
    case .h2RapidResets, .h2MadeResets, .h2ContinuationFloods, .h2SettingsFloods, .h2PingFloods,
      .h2EmptyFrameFloods,
      .h2ControlFloods, .h2ZeroWindowStalls:
      "certd_http2_floods_total"
    case .proxyHeadersRefused: "certd_proxy_headers_refused_total"
    case .compressions: "certd_compressed_responses_total"
    case .compressionsRefused: "certd_compressions_refused_total"
    case .passages: "certd_tcp_connections_total"
    case .tunnelTimeouts: "certd_tunnel_timeouts_total"
    }
  }

  /// The label that tells counters of one name apart, for instance `result="full"`; nil for none.
  public var label: String? {
    switch self {
    case .handshakesFull: "result=\"full\""
    case .handshakesResumed: "result=\"resumed\""
    case .handshakesFailed: "result=\"failed\""
    case .handshakesTLS12: "version=\"1.2\""
    case .handshakesTLS13: "version=\"1.3\""
    case .responses1xx: "class=\"1xx\""
    case .responses2xx: "class=\"2xx\""
    case .responses3xx: "class=\"3xx\""
    case .responses4xx: "class=\"4xx\""
    case .responses5xx: "class=\"5xx\""
    case .upstreamConnectionsOpened: "result=\"opened\""
    case .ejectionsForErrors: "reason=\"errors\""
    case .ejectionsForGatewayErrors: "reason=\"gateway_errors\""
    case .ejectionsForSuccessRate: "reason=\"success_rate\""
    case .ejectionsForLatency: "reason=\"latency\""
    case .hedgesWon: "result=\"won\""
    case .hedgesLost: "result=\"lost\""
    case .hedgesAbandoned: "result=\"abandoned\""
    case .upstreamConnectionsReused: "result=\"reused\""
    case .upstreamConnectionsFailed: "result=\"failed\""
    case .h2RapidResets: "kind=\"rapid_reset\""
    case .h2MadeResets: "kind=\"made_reset\""
    case .h2ContinuationFloods: "kind=\"continuation\""
    case .h2SettingsFloods: "kind=\"settings\""
    case .h2PingFloods: "kind=\"ping\""
    case .h2EmptyFrameFloods: "kind=\"empty_frame\""
    case .h2ControlFloods: "kind=\"control\""
    case .h2ZeroWindowStalls: "kind=\"zero_window\""
    default: nil
    }
  }

  /// What it counts, in a sentence.
  public var help: String {
    switch self {
    case .connectionsAccepted: "Client connections accepted."
    case .connectionsClosed: "Client connections closed."
    case .connectionsRefused: "Client connections closed at once because the limit was reached."
    case .idleConnectionsClosed: "Idle client connections closed to make room for backends."
    case .handshakesFull, .handshakesResumed, .handshakesFailed: "TLS handshakes by how they ended."
    case .handshakesTLS12, .handshakesTLS13: "TLS handshakes that came to their end, by version."
    case .requests: "Requests whose head was read."
    case .requestsRejected: "Requests that broke the rules of HTTP."
    case .requestsWithoutBackend: "Requests for which no backend was ready."
    case .requestsWithoutBuffer: "Requests that were refused or given up because no buffer was left."
    case .requestsAborted: "Requests whose client left before the answer was complete."
    case .requestTimeouts: "Requests that did not arrive in time."
    case .requestsBeyondLimits: "Requests answered 429 because of a limit of their key, or of its group."
    case .contentPassedOn:
      "Requests too long to be kept whose backend was chosen by a first part of their content."
    case .contentTooLarge:
      "Requests answered 413: more content than may be kept of one, and no choice without it."
    case .contentWithoutRoom: "Requests answered 503: no memory for content that has to be kept."
    case .responses1xx, .responses2xx, .responses3xx, .responses4xx, .responses5xx:
      "Responses by the class of their status code."
    case .bytesReceived: "Bytes received from clients, after decryption."
    case .bytesSent: "Bytes sent to clients, before encryption."
    case .upstreamConnectionsOpened, .upstreamConnectionsReused, .upstreamConnectionsFailed:
      "Connections to backends by how they came about."
    case .hedgesWon, .hedgesLost, .hedgesAbandoned:
      "Requests given to a second backend because their answer was late, by whether that has answered first."
    case .upstreamRetries: "Requests tried again on another backend."
    case .upstreamFallbacks: "Requests given to another service, because theirs had no answer."
    case .upstreamTimeouts: "Backends that did not answer in time."
    case .upstreamStandstills: "Requests taken from engines that gave nothing although their health was good."
    case .streamHeartbeats: "Comments sent to clients of event streams in which nothing came."
    case .streamsBrokenOff: "Event streams that ended with an error event of ours."
    case .ejectionsForErrors, .ejectionsForGatewayErrors, .ejectionsForSuccessRate, .ejectionsForLatency:
      "Backends spared for a while because of their answers, by what was wrong with these."
    case .validations: "Validations of CAs answered by TLS-ALPN-01."
    case .upgrades: "Connections switched to another protocol."
    case .proxyHeadersRefused: "Connections of trusted peers closed for want of a right PROXY header."
    case .passages: "Client connections passed on in TCP after their TLS handshake."
    case .tunnelTimeouts: "Upgraded and passed on connections closed because they carried nothing."
    case .compressions: "Responses compressed on their way to the client."
    case .compressionsRefused: "Responses not compressed because as many as may be were under way."
    case .accessLinesDropped: "Lines of the access log that could not be written."
    case .http2Connections: "Client connections that speak HTTP/2."
    case .http2Requests: "Requests that came by HTTP/2."
    case .http2ConnectionErrors: "HTTP/2 connections ended because the client broke its rules or a limit."
    case .h2RapidResets, .h2MadeResets, .h2ContinuationFloods, .h2SettingsFloods, .h2PingFloods,
      .h2EmptyFrameFloods,
      .h2ControlFloods, .h2ZeroWindowStalls:
      "HTTP/2 connections or streams ended because of a flood, by its kind."
    }
  }

  /// The counter of a status code's class.
  @inlinable
  public static func responses(status: Int) -> Counter {
    switch status {
    case ..<200: .responses1xx
    case ..<300: .responses2xx
    case ..<400: .responses3xx
    case ..<500: .responses4xx
    default: .responses5xx
    }
  }
}

/// The counters of one worker. One thread adds, any thread reads; a reader may see one counter a little
/// earlier than another. Adding is a load, an addition and a store, without a lock or a locked
/// instruction.
@safe public final class CounterBlock: @unchecked Sendable {
  @usableFromInline let storage: UnsafeMutablePointer<Atomic<UInt64>>

  /// All zero.
  public init() {
    unsafe storage = .allocate(capacity: Self.count)
    for index in 0..<Self.count { unsafe (storage + index).initialize(to: Atomic(0)) }
  }

  /// Counters, and errors of requests behind them.
  private static var count: Int { Counter.allCases.count + RequestError.allCases.count }

  deinit {
    unsafe storage.deinitialize(count: Self.count)
    unsafe storage.deallocate()
  }

  /// Adds to a counter. Only for the thread that owns the block.
  @inlinable @inline(__always)
  public func add(_ counter: Counter, _ amount: UInt64 = 1) {
    let old = unsafe storage[counter.rawValue].load(ordering: .relaxed)
    unsafe storage[counter.rawValue].store(old &+ amount, ordering: .relaxed)
  }

  /// Counts an error. Only for the thread that owns the block.
  public func add(_ error: RequestError) {
    let place = Counter.allCases.count + error.rawValue
    let old = unsafe storage[place].load(ordering: .relaxed)
    unsafe storage[place].store(old &+ 1, ordering: .relaxed)
  }

  /// How many there were of an error, from any thread.
  public func value(of error: RequestError) -> UInt64 {
    unsafe storage[Counter.allCases.count + error.rawValue].load(ordering: .relaxed)
  }

  /// The present value, from any thread.
  @inlinable
  public func value(of counter: Counter) -> UInt64 {
    unsafe storage[counter.rawValue].load(ordering: .relaxed)
  }
}
