public import Proxy

/// An address that clients connect to.
public struct Listener: Sendable, Equatable {
  /// What TLS is spoken.
  public enum TLSProfile: String, Sendable, CaseIterable {
    /// TLS 1.2 and 1.3, forward secrecy, AEAD ciphers only.
    case modern
    /// The same, and CBC ciphers with forward secrecy for old clients.
    case compatible
    /// TLS 1.3 only.
    case restricted
    /// What ``Listener/customTLS`` says.
    case custom
    /// Plain HTTP.
    case off
  }

  /// The address.
  public var address: ListenAddress
  /// What TLS is spoken.
  public var tls = TLSProfile.modern
  /// The algorithms of ``TLSProfile/custom``; nil for the others.
  public var customTLS: CustomTLS?
  /// What is asked of clients' certificates; nil for nothing.
  public var clientCertificates: ClientCertificates?
  /// Whether safe requests are taken before the handshake is over.
  public var earlyData = false
  /// Whether requests are answered with a redirect to HTTPS (after HTTP-01 challenges).
  public var redirectsToHTTPS = false
  /// Whether HTTP/2 is taken without TLS too, from clients that begin with its preface.
  public var h2c = false
  /// Peers whose connections must begin with a PROXY header, which is believed; empty for none.
  public var proxyProtocolFrom: [AddressRange] = []
  /// Where it was written.
  public var origin: Origin

  /// How many listeners one configuration may have.
  public static let maximumCount = 64
}
