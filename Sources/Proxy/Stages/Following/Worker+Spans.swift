internal import EventLoop
internal import Exchange
internal import OS
internal import Telemetry
internal import Upstream

// A finished request as spans, by OpenTelemetry's semantic conventions for HTTP and generative AI. Never a query, a field or
// content.
extension Worker {
  /// The request, its wait, and each attempt at a backend; nil where it belongs to no trace.
  func spans(_ exchange: Ref<Exchange>, _ followed: FollowedRequest) -> [TraceSpan]? {
    guard let trace = followed.trace else { return nil }
    // Monotonic times are told as the wall clock shows them now.
    let offset = UInt64(max(0, Clock.wallNanoseconds())) &- nowNanoseconds
    let method = "\(exchange.method)".uppercased()
    var server = TraceSpan(
      "\(method) \(unsafe exchange.service.map { unsafe serviceName(exchange, $0.pointee.index) } ?? "")",
      .server, trace: trace, span: followed.span, parent: followed.parent,
      start: exchange.startedNanoseconds &+ offset, end: nowNanoseconds &+ offset)
    server.attributes = attributes(exchange, method, followed)
    server.isError = exchange.status == 0 || exchange.status >= 500
    if let model = exchange.model {
      let first = firstTokenMicroseconds(model, exchange)
      if first > 0 {
        server.events.append(.init("first token", at: exchange.startedNanoseconds &+ first * 1000 &+ offset))
      }
    }
    var spans = [server]
    if followed.waitBegan > 0 {
      let end = followed.waitEnded > 0 ? followed.waitEnded : nowNanoseconds
      spans.append(
        TraceSpan(
          "wait for room", .internalStep, trace: trace, span: max(1, shared.random()), parent: followed.span,
          start: followed.waitBegan &+ offset, end: end &+ offset))
    }
    for index in 0..<followed.attemptCount {
      let attempt = followed.attempts[index]
      var span = TraceSpan(
        "attempt", .client, trace: trace, span: max(1, shared.random()), parent: followed.span,
        start: attempt.began &+ offset, end: attempt.ended &+ offset)
      let backend = unsafe attempt.status?._withUnsafeGuaranteedRef { $0.name } ?? ""
      if !backend.isEmpty { span.attributes.append(("server.address", .text(backend))) }
      span.attributes.append(("http.request.resend_count", .number(Int64(index))))
      span.isError = attempt.hasFailed
      spans.append(span)
    }
    return spans
  }

  private func attributes(
    _ exchange: Ref<Exchange>, _ method: String, _ followed: FollowedRequest
  ) -> [(name: String, value: TraceSpan.Value)] {
    var out: [(name: String, value: TraceSpan.Value)] = [
      ("http.request.method", .text(method)), ("http.response.status_code", .number(Int64(exchange.status))),
      ("http.request.size", .number(Int64(clamping: exchange.bytesIn))),
      ("http.response.size", .number(Int64(clamping: exchange.bytesOut))),
    ]
    if unsafe followed.requestIDText.count > 0 {
      out.append(("certd.request_id", .text(unsafe String(decoding: followed.requestIDText, as: UTF8.self))))
    }
    guard let model = exchange.model, model.api != nil else { return out }
    if model.nameCount > 0 { out.append(("gen_ai.request.model", .text(model.name))) }
    if let tokens = model.promptTokens { out.append(("gen_ai.usage.input_tokens", .number(Int64(tokens)))) }
    if model.completionTokens > 0 {
      out.append(("gen_ai.usage.output_tokens", .number(Int64(model.completionTokens))))
    }
    return out
  }
}
