import Bytes
import PKI
import TestRun
import Testing

@Suite("Files of certificates", .ownThread) struct CertificateFileTests {
  /// Made by `openssl pkcs12 -export -passout pass: -iter 1`, of a key that is used nowhere.
  private static let pkcs12 =
    "MIIEBgIBAzCCA8AGCSqGSIb3DQEHAaCCA7EEggOtMIIDqTCCAmEGCSqGSIb3DQEHBqCCAlIwggJOAgEAMIICRwYJKoZI"
    + "hvcNAQcBMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAj6BjffAf5LpAIBATAMBggqhkiG9w0CCQUAMB0GCWCG"
    + "SAFlAwQBKgQQgrh6KFFzDNbIx6E+VJNUAYCCAeBn14I0lgkwtg1Lldgn7i73CqCoIsuXOjmgMrMI2PwQtwGy5AIonbrE"
    + "imgxAo/vNWVlOnRbyKwvMHzIk+zu/wWSNXjnGV4cs+GOJa9FKiXTWrrEx74j/VjtAjkSmgg1ZbxH7KdLH+CCYCeGARn5"
    + "742lb/4o3A2iUHaHY4+NMH9K5iQ21v2KiNLS83zfXHoBzdLhUATOZ0/metnQ4DdV5TyUY5F/qbMcfIju67Xc5IG0WV5G"
    + "NcW3FpX9igwD3FjqZlbpi45zDDZWcXcWwSDBVkAFtEjoHUPSvqhQAH+5pL/tN7kbUy9y389DSoKpVHU59k+LDzU0U541"
    + "jqp81DEDc8wfnqHwhy1TB3KBGOeiH8j7jnF5CsjN8JYw2KfnK2tqDZso5xEEd0oLaxtb9DTHvi0GrHRTv7pwMzcYXoHM"
    + "gDoWgD6orqUPVdHSlVm33fxjgJqav1O5mq/ZYlHq4k3JEERV8fM+j+08vd9A+hC2ZZ6n7PSVfpOMVCmkHpeHLJ6jh1ZI"
    + "u+kA9+NhqJEVW3KgKzgqQ43KINlAWAQwa5EUoElrdWE5892rOVrrbIQo5CxY4wA0ZFpiflQUcSWDMi4xL2SN2jBQgGIE"
    + "k7HZTg7uNWhgi4Bz1gkkov9mT7RN7+7BjiswggFABgkqhkiG9w0BBwGgggExBIIBLTCCASkwggElBgsqhkiG9w0BDAoB"
    + "AqCB7jCB6zBWBgkqhkiG9w0BBQ0wSTAoBgkqhkiG9w0BBQwwGwQI0R4VE8hcB6UCAQEwDAYIKoZIhvcNAgkFADAdBglg"
    + "hkgBZQMEASoEEA0OXoSZ7nBdWnD3RrUj4P0EgZAxFBPkkZjOU3/iwR3AVETTHjUp83wsKS0Id1kRmswgWP9KKZz+a3DX"
    + "1Ce2lxiI9f2F70JHLdWWivNIc+rHiiB6xk/dEv8xF3kHywiIGgxCk1i+JRGC2b+Pad03Yq28/HgIHhg0puplxPOC3HHC"
    + "wb1+vFpknFt9JifWwTbjL4cAkrTD2Db7qHKqV7olgWNQW5oxJTAjBgkqhkiG9w0BCRUxFgQUPjXqDFOBxZMKvDcaCvTe"
    + "bWHa/SwwPTAxMA0GCWCGSAFlAwQCAQUABCD92ReVaUHDHqGhJCQ/1VChuvd8bHjD891A/dKBnwh3tAQIc7LNruPkIRc="
  /// The same certificate, by `openssl crl2pkcs7 -nocrl -outform DER`.
  private static let pkcs7 =
    "MIIBrAYJKoZIhvcNAQcCoIIBnTCCAZkCAQExADALBgkqhkiG9w0BBwGgggGBMIIBfTCCASOgAwIBAgIUIfknLhgOVFcV"
    + "BVsQJzm01I01c+owCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJYS5leGFtcGxlMB4XDTI2MTEyNzA1MjQ1MFoXDTM2MTEy"
    + "NDA1MjQ1MFowFDESMBAGA1UEAwwJYS5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQ94I+vPxJa+CJweI"
    + "KfAcPUxwrPe9ozfxN168yYc5OHYLHtJhmb5Rrls6fugDAGKmNQxExyU7CYLwsaDekj5FOKNTMFEwHQYDVR0OBBYEFEes"
    + "IvarEdWdK4Tfr96MtvQ+PsobMB8GA1UdIwQYMBaAFEesIvarEdWdK4Tfr96MtvQ+PsobMA8GA1UdEwEB/wQFMAMBAf8w"
    + "CgYIKoZIzj0EAwIDSAAwRQIgO0RRBrb2gsUDj/abkRXIhUHqWGQb9PJw6RSKSn5ZIIICIQCaDPMJ1LyLHpEtuGx5vkl+"
    + "/fd/JqkdaQaoGDKpL9QA1DEA"

  private static func samples() throws -> [[UInt8]] {
    let (rootKey, key) = (try Sample.key(), try Sample.key())
    let root = try Sample.root(key: rootKey)
    let leaf = try Sample.leaf(key: key, root: root, rootKey: rootKey)
    return [
      leaf.der, leaf.pem + root.pem + (try key.pem()), Base64.decode(pkcs12) ?? [],
      Base64.decode(pkcs7) ?? [],
    ]
  }

  @Test("each format gives what is in it")
  func formats() throws {
    let counts = try Self.samples().map { bytes in
      let file = try CertificateFile(bytes, path: "a")
      return [file.certificates.count, file.keys.count]
    }
    #expect(counts == [[1, 0], [2, 1], [1, 1], [1, 0]])
  }

  @Test("whatever is damaged in a file is refused or read, and never more than that", arguments: 0..<4)
  func damaged(_ format: Int) throws {
    let sample = try Self.samples()[format]
    var random = SystemRandomNumberGenerator()
    for _ in 0..<Tier.rounds(1500, each: 6) {
      var bytes = sample
      switch Int.random(in: 0..<4, using: &random) {
      case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
      case 1: bytes.remove(at: Int.random(in: 0..<bytes.count, using: &random))
      case 2:
        bytes.insert(
          .random(in: 0...255, using: &random), at: Int.random(in: 0...bytes.count, using: &random))
      default:
        for _ in 0..<Int.random(in: 1...8, using: &random) {
          bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
        }
      }
      guard let file = try? CertificateFile(bytes, path: "a", password: "x") else { continue }
      _ = try? CertificatePair(file, path: "a", keyPath: "a")
      #expect(file.certificates.count <= 3 && file.keys.count <= 2)
    }
  }
}
