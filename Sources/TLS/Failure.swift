internal import COpenSSL

/// Why a TLS step failed, in words. The one place that drains OpenSSL's error queue for this module.
public enum Failure {
  /// The reasons that wait in this thread's queue, the most telling one first, and an empty queue afterwards.
  ///
  /// `verification` is the result of a client's certificate check, if there was one.
  public static func take(_ session: Session? = nil) -> String {
    var reasons: [String] = []
    if let session {
      let result = unsafe SSL_get_verify_result(session.ssl)
      // Without verification there is a result too, which has stopped nothing.
      if result != Int(X509_V_OK), unsafe SSL_get_verify_mode(session.ssl) & SSL_VERIFY_PEER != 0,
        let text = unsafe X509_verify_cert_error_string(result)
      {
        unsafe reasons.append("certificate verify failed: " + String(cString: text))
      }
    }
    while reasons.count < 4 {
      let code = ERR_get_error()
      guard code != 0 else { break }
      if let text = unsafe ERR_reason_error_string(code) {
        let reason = unsafe String(cString: text)
        if !reasons.contains(where: { $0.hasPrefix(reason) }) { reasons.append(reason) }
      }
    }
    ERR_clear_error()
    return reasons.isEmpty ? "connection closed during the handshake" : reasons.joined(separator: "; ")
  }

  /// Empties the queue.
  public static func clear() { ERR_clear_error() }
}

/// A context could not be made: what was being done and why it failed.
public struct ContextError: Error, Equatable, CustomStringConvertible {
  /// What was being done, for instance `load the certificate chain`.
  public let step: String
  /// Why it failed.
  public let reason: String

  init(_ step: String, _ reason: String? = nil) {
    self.step = step
    self.reason = reason ?? Failure.take()
  }

  /// Both in one line.
  public var description: String { "could not \(step): \(reason)" }
}
