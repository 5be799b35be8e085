public import OS
public import PKI

/// Why something could not be stored or found. No case ever holds key material.
public enum StoreError: Error, Equatable, CustomStringConvertible {
  /// The system refused; what was there before is still there.
  case system(doing: String, SystemError)
  /// Another process holds a lock for longer than a write takes.
  case busy(String)
  /// The certificate or key is not fit to be stored.
  case unfit(String, PKIError)
  /// A name, token or record that cannot be stored.
  case invalid(String)

  /// One line: what was being done, and why it failed.
  public var description: String {
    switch self {
    case .system(let doing, let error): "\(doing): \(error.descriptionWithRemedy)"
    case .busy(let what): "\(what) is locked by another process; try again when it has finished"
    case .unfit(let what, let error): "\(what) is not stored: \(error)"
    case .invalid(let reason): reason
    }
  }
}

/// Runs a step and gives its errors the name of what was being done.
func doing<R>(_ what: String, _ body: () throws -> R) throws(StoreError) -> R {
  do { return try body() } catch let error as SystemError {
    throw .system(doing: what, error)
  } catch let error as PKIError {
    throw .unfit(what, error)
  } catch let error as StoreError {
    throw error
  } catch {
    throw .invalid("\(what): \(error)")
  }
}

/// Something damaged that was found in the store, and what was done about it.
public struct StoreProblem: Sendable, Equatable, CustomStringConvertible {
  /// What it is about: a certificate's name or a path below the root.
  public let subject: String
  /// What is wrong.
  public let message: String
  /// What was done, for instance `moved to quarantine/…`; empty when nothing could be.
  public let action: String

  /// `example.com: gen-3: the leaf is for another key; moved to quarantine/…`
  public var description: String {
    action.isEmpty ? "\(subject): \(message)" : "\(subject): \(message); \(action)"
  }
}
