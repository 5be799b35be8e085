/// A certificate chain with its private key, as a server presents it, and the names that it answers to.
public struct Credential: Sendable, Equatable {
  /// What people call it: the lineage's name or the file's path. For messages only.
  public let label: String
  /// The chain as DER, leaf first.
  public let chain: [[UInt8]]
  /// The private key as PEM. Never shown: `description` leaves it out.
  public let privateKeyPEM: [UInt8]
  /// DNS names of the leaf, lower-case; a leading `*.` stands for exactly one label.
  public let names: [String]

  /// A credential; whether the parts fit is found out when a context is made of it.
  public init(label: String, chain: [[UInt8]], privateKeyPEM: [UInt8], names: [String]) {
    self.label = label
    self.chain = chain
    self.privateKeyPEM = privateKeyPEM
    self.names = names
  }
}

extension Credential: CustomStringConvertible {
  /// The label and the names, never the key.
  public var description: String { "\(label) (\(names.joined(separator: ", ")))" }
}
