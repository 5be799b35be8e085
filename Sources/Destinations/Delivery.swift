// Destinations: certificates to where other providers' services take them from.
//
// It keeps nothing, retries nothing and renews nothing. It promises that what is there already is not written again,
// that no key or token goes to another machine without TLS, and that nothing secret is in what it says.

public import Bytes
public import CertStore
public import HTTPClient
public import JSON

/// Brings certificates to where others take them from. Each delivery looks first, and changes nothing where the
/// certificate is already: it may be repeated after any interruption.
public struct Delivery: Sendable {
  /// What became of it.
  public enum Outcome: Sendable, Equatable {
    /// It is there now.
    case delivered
    /// It was there already.
    case unchanged
    /// Why it is not there; without anything secret.
    case failed(String)
  }

  /// What the outside is to it.
  public struct Surroundings: Sendable {
    /// The wall clock.
    public var now: @Sendable () -> UnixTime
    /// The environment's variables, which name credentials as each provider's own tools have it.
    public var variables: [String: String]
    /// A file's content; nil when it cannot be read.
    public var read: @Sendable (_ path: String) -> [UInt8]?
    /// A YAML document as JSON; the error says what is wrong, and where.
    public var parseYAML: @Sendable (_ text: [UInt8]) -> Result<JSONValue, DeliveryError>

    /// Surroundings.
    public init(
      now: @escaping @Sendable () -> UnixTime, variables: [String: String],
      read: @escaping @Sendable (_ path: String) -> [UInt8]?,
      parseYAML: @escaping @Sendable (_ text: [UInt8]) -> Result<JSONValue, DeliveryError>
    ) {
      self.now = now
      self.variables = variables
      self.read = read
      self.parseYAML = parseYAML
    }
  }

  let client: HTTPClient
  let surroundings: Surroundings

  /// A delivery by that client.
  public init(_ client: HTTPClient, _ surroundings: Surroundings) {
    self.client = client
    self.surroundings = surroundings
  }

  /// Brings a certificate with its key to a place.
  public func deliver(_ certificate: StoredCertificate, to place: Destination) async -> Outcome {
    do throws(DeliveryError) {
      return
        switch place
      {
      case .kubernetes(let secret): try await deliver(certificate, to: secret)
      case .awsACM(let entry): try await deliver(certificate, to: entry)
      case .azureKeyVault(let entry): try await deliver(certificate, to: entry)
      case .vault(let secret): try await deliver(certificate, to: secret)
      }
    } catch { return .failed(error.reason) }
  }
}

/// Why a delivery failed, for people; without anything secret.
public struct DeliveryError: Error, Sendable, Equatable {
  /// What was being done, what happened, and where it is known what to do.
  public let reason: String

  /// A failure.
  public init(_ reason: String) { self.reason = reason }
}
