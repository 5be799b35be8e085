internal import Bytes
internal import HTTP
public import TLS

/// What a listener asks of its clients, and what backends are told of them.
public struct ClientCheck: Sendable, Equatable {
  /// Whose certificates are accepted.
  public var verification: ClientVerification
  /// Whether backends get subject and alternative names beside the certificate.
  public var forwardsNames: Bool
  /// A check.
  public init(verification: ClientVerification, forwardsNames: Bool = false) {
    self.verification = verification
    self.forwardsNames = forwardsNames
  }
}

/// Who a client has proven to be, as backends and the log are told it: made once for each connection.
@safe final class ClientIdentity {
  /// The fields for the backend, for those who frame them themselves.
  let fields: [Fields.Field]
  /// The same as HTTP/1.1 field lines.
  let lines: UnsafeBufferPointer<UInt8>
  /// Who it is, for the log.
  let label: UnsafeRawBufferPointer

  /// The most bytes that all lines may have: they must fit into a buffer's headroom.
  static let maximumBytes = 8 * 1024

  /// Nil when the certificate is too large to be told (RFC 9440 §3 leaves the limit to us).
  init?(_ peer: PeerIdentity, forwardsNames: Bool) {
    // A byte sequence of RFC 8941 §3.3.5.
    var fields = [Fields.Field("Client-Cert", ":\(Base64.encode(peer.certificate)):")]
    if forwardsNames {
      if !peer.subject.isEmpty { fields.append(Fields.Field("X-Client-Cert-Subject", peer.subject)) }
      let names = peer.names.map { Self.quoted($0) }.joined(separator: ", ")
      if !names.isEmpty { fields.append(Fields.Field("X-Client-Cert-SAN", names)) }
    }
    let text = fields.flatMap { Array("\($0.name): \($0.value)\r\n".utf8) }
    guard text.count <= Self.maximumBytes else { return nil }
    self.fields = fields
    let lines = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, text.count))
    _ = unsafe lines.update(fromContentsOf: text)
    unsafe self.lines = unsafe UnsafeBufferPointer(rebasing: lines[..<text.count])
    let name = Array(peer.label.utf8)
    let label = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, name.count), alignment: 1)
    unsafe label.copyBytes(from: name)
    unsafe self.label = unsafe UnsafeRawBufferPointer(rebasing: label[..<name.count])
  }

  deinit {
    unsafe lines.baseAddress.map { unsafe UnsafeMutablePointer(mutating: $0).deallocate() }
    unsafe label.deallocate()
  }

  /// A string of RFC 8941 §3.3.3: a name with a comma in it must not look like two.
  private static func quoted(_ name: String) -> String {
    "\"" + name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }
}
