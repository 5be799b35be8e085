internal import COpenSSL

/// A cryptographic object that could not be made, read or trusted.
///
/// `what` names the act or object, `reason` tells why; neither ever holds key material.
public struct PKIError: Error, Equatable, CustomStringConvertible {
  /// What was being done, for instance `reading a private key`; empty where the reason says it all.
  public let what: String
  /// Why it failed, readable.
  public let reason: String

  /// A failure with a known reason.
  public init(what: String, reason: String) {
    self.what = what
    self.reason = reason
  }

  /// `reading a private key: it is encrypted`
  public var description: String { what.isEmpty ? reason : "\(what): \(reason)" }

  /// A failure whose reason is in OpenSSL's error queue of this thread; empties the queue.
  /// The one place that drains it in this module.
  static func drained(_ what: String) -> PKIError {
    var reasons: [String] = []
    while true {
      let code = ERR_get_error()
      if code == 0 { break }
      guard let text = unsafe ERR_reason_error_string(code) else { continue }
      let reason = unsafe String(cString: text)
      if !reasons.contains(reason), reasons.count < maximumReasons { reasons.append(reason) }
    }
    let reason = reasons.isEmpty ? "refused by OpenSSL without a reason" : reasons.joined(separator: ", ")
    return PKIError(what: what, reason: reason)
  }

  /// The most reasons of OpenSSL that are told at once.
  private static let maximumReasons = 4
}

/// The value of an OpenSSL call that answers nil on failure.
func made<T>(_ value: T?, _ what: @autoclosure () -> String) throws(PKIError) -> T {
  guard let value else { throw PKIError.drained(what()) }
  return value
}

/// Checks an OpenSSL call that answers a positive number on success.
func succeeded(_ status: Int32, _ what: @autoclosure () -> String) throws(PKIError) {
  guard status > 0 else { throw PKIError.drained(what()) }
}
