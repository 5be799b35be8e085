import FoundationEssentials
import PKI

@testable import ACME
@testable import CertStore

extension FuzzTarget {
  static let records = [
    FuzzTarget("pem") { bytes in
      if let chain = try? CertificateChain(pem: bytes) { require(!chain.leaf.der.isEmpty, "an empty leaf") }
      _ = try? PrivateKey(pem: bytes)
    },
    FuzzTarget("der") { bytes in
      guard let certificate = try? PKI.Certificate(der: bytes) else { return }
      require(
        (try? PKI.Certificate(der: certificate.der)) == certificate, "a certificate changes when read again")
      _ = certificate.identifiers
      _ = certificate.commonName
    },
    FuzzTarget("store-records") { bytes in
      stays(CertificateMeta.self, bytes)
      stays(RenewalRecord.self, bytes)
      stays(AccountRecord.self, bytes)
      stays(DeployTask.self, bytes)
      stays(ChallengeBoard.Validation.self, bytes)
      stays(PresentedRecord.self, bytes)
      stays(ExternalKey.self, bytes)
      for line in bytes.split(separator: 0x0A) { stays(LedgerEntry.self, Array(line)) }
    },
    FuzzTarget("acme-answers") { bytes in
      let limit = 1 << 16
      _ = try? ACMEJSON.decode(Directory.self, bytes, limitInBytes: limit)
      _ = try? ACMEJSON.decode(Order.self, bytes, limitInBytes: limit)
      _ = try? ACMEJSON.decode(Authorization.self, bytes, limitInBytes: limit)
      _ = try? ACMEJSON.decode(Challenge.self, bytes, limitInBytes: limit)
      if let problem = try? ACMEJSON.decode(Problem.self, bytes, limitInBytes: limit) {
        _ = problem.description
      }
    },
  ]

  /// A record that can be read is the same when it is written and read again.
  private static func stays<Record: Codable & Equatable>(_ type: Record.Type, _ bytes: [UInt8]) {
    guard let record = StoreJSON.decode(type, bytes) else { return }
    guard let text = try? StoreJSON.line(record) else { return require(false, "\(type) cannot be written") }
    require(StoreJSON.decode(type, text) == record, "\(type) changes when written and read")
  }
}
