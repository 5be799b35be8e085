import Bytes
import PKI
import TLS
import TestSupport
import TestRun
import Testing

@testable import certd

@Suite(.ownThread) struct PresentationTests {
  private static let now = UnixTime(seconds: 1_800_000_000)

  private static func credential(_ label: String, _ names: [String], from: Int64, to: Int64, _ type: KeyType)
    throws -> Credential
  {
    let (rootKey, key) = (try PrivateKey.generate(.ecP256), try PrivateKey.generate(type))
    let root = try CertificateAuthority.makeRoot(
      commonName: "r", key: rootKey, notBefore: now - 86400 * 900, lifetimeSeconds: 86400 * 2000, serial: [1])
    let leaf = try CertificateAuthority.issue(
      identifiers: names.compactMap(Identifier.init), publicKey: key, issuer: root, issuerKey: rootKey,
      notBefore: now + from * 86400, lifetimeSeconds: (to - from) * 86400, serial: [2])
    return Credential(label: label, chain: [leaf.der], privateKeyPEM: [], names: names)
  }

  /// Label, names, first and last day from now, whether the key is RSA, whether it is wanted.
  typealias Row = (String, [String], Int64, Int64, Bool, Bool)

  @Test(
    "the best of several for a name is presented",
    arguments: [
      // Valid before expired, in both orders.
      ([("old", ["a.x"], -9, -1, false, true), ("new", ["a.x"], -1, 9, false, true)], "new:a.x old:"),
      ([("new", ["a.x"], -1, 9, false, true), ("old", ["a.x"], -9, -1, false, true)], "new:a.x old:"),
      // Longer before shorter, first before later.
      ([("s", ["a.x"], -1, 2, false, true), ("l", ["a.x"], -1, 9, false, true)], "s: l:a.x"),
      ([("1", ["a.x"], -1, 9, false, true), ("2", ["a.x"], -1, 9, false, true)], "1:a.x 2:"),
      // An expired exact name leaves it to a valid wildcard, and to a valid one of another kind.
      (
        [("old", ["a.x.y"], -9, -1, false, true), ("wild", ["*.x.y"], -1, 9, false, true)], "wild:*.x.y old:"
      ),
      ([("old", ["a.x"], -9, -1, true, true), ("new", ["a.x"], -1, 9, false, true)], "new:a.x old:"),
      // Two kinds stand beside each other.
      ([("ec", ["a.x"], -1, 2, false, true), ("rsa", ["a.x"], -1, 9, true, true)], "ec:a.x rsa:a.x"),
      // What merely lies in the store comes after what is wanted, however long it lives.
      ([("w", ["a.x"], -1, 2, false, true), ("s", ["a.x"], -1, 900, false, false)], "w:a.x s:"),
      ([("w", ["a.x"], -9, -1, false, true), ("s", ["a.x"], -1, 9, false, false)], "s:a.x w:"),
      // Only expired ones: the one that ended last.
      ([("o", ["a.x"], -9, -5, false, true), ("n", ["a.x"], -9, -1, false, true)], "o: n:a.x"),
      // One whose time has not begun waits.
      ([("next", ["a.x"], 1, 90, false, true), ("now", ["a.x"], -1, 2, false, true)], "now:a.x next:"),
    ] as [([Row], String)])
  func best(_ rows: [Row], _ expected: String) throws {
    func made(_ wanted: Bool) throws -> [Credential] {
      try rows.filter { $0.5 == wanted }.map {
        try Self.credential($0.0, $0.1, from: $0.2, to: $0.3, $0.4 ? .rsa2048 : .ecP256)
      }
    }
    let presentation = Presentation(try made(true), others: try made(false), now: Self.now)
    let shown = presentation.credentials.map { "\($0.label):\($0.names.joined(separator: ","))" }
    #expect(shown.joined(separator: " ") == expected)
  }

  @Test("the choice is made again when a certificate begins or ends to be valid")
  func again() throws {
    let one = try Self.credential("a", ["a.x"], from: -1, to: 2, .ecP256)
    let next = try Self.credential("b", ["a.x"], from: 1, to: 9, .ecP256)
    #expect(Presentation([one, next], now: Self.now).nextChange == Self.now + 86400)
    #expect(Presentation([], now: Self.now).nextChange == nil)
  }
}
