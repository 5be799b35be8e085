import Bytes
import CertStore
import Configuration
import HTTP
import HTTPClient
import OS
import PKI

/// Fetches the issuers that the chains of files lack, where it is asked for (RFC 5280 §4.2.2.1), and keeps them.
///
/// What comes is taken only if it has signed what it is fetched for, so that it does not matter who sends it.
struct IssuerFetch: Sendable {
  let configuration: Configuration
  let world: World

  /// The largest answer, in bytes.
  static let maximumBytes = 64 * 1024
  /// For one answer, in milliseconds.
  static let patienceMilliseconds: UInt64 = 10_000

  /// What came of it.
  struct Outcome: Sendable {
    /// The files whose chains have become longer.
    var completed: [String] = []
    /// The others, with why.
    var failed: [(file: String, reason: String)] = []
  }

  /// The files that may lack something.
  var files: [ConfiguredFiles] {
    configuration.certificates.compactMap {
      if case .files(let files) = $0, files.fetchesIssuers { files } else { nil }
    }
  }

  /// Fetches everything that is missing.
  func run() async -> Outcome {
    var outcome = Outcome()
    for file in files {
      guard !Task.isCancelled else { break }
      do throws(SetupError) {
        if try await complete(file) { outcome.completed.append(file.certificate) }
      } catch { outcome.failed.append((file.certificate, error.description)) }
    }
    return outcome
  }

  /// Follows the chain of one file to where it should end. Returns whether something was fetched.
  private func complete(_ file: ConfiguredFiles) async throws(SetupError) -> Bool {
    let configuration = configuration
    let known = FetchedIssuers(root: StoreLocation.path(configuration.store))
    var hasMore = false
    for _ in 0..<CertificateChain.maximumLength {
      let lacking = try await apart { () throws(SetupError) -> Certificate? in
        let chain = try Credentials.pair(file, configuration).chain
        // A root that this system does not know is no gap.
        guard CertificateJudge().missingIssuer(chain) != nil, known.issuer(of: chain.last) == nil else {
          return nil
        }
        return chain.last
      }
      guard let lacking else { break }
      let issuer = try await fetch(of: lacking)
      do throws(StoreError) { try known.keep(issuer, of: lacking) } catch {
        throw .other("\(error)")
      }
      hasMore = true
    }
    return hasMore
  }

  private func fetch(of certificate: Certificate) async throws(SetupError) -> Certificate {
    let places = certificate.issuerURLs
    var reasons = places.isEmpty ? ["\(certificate.subject) does not say where"] : []
    for place in places {
      do throws(SetupError) {
        let found = try await certificates(at: place)
        if let issuer = found.first(where: { certificate.isSigned(by: $0) }) { return issuer }
        reasons.append("\(place): what is there has not signed \(certificate.subject)")
      } catch { reasons.append("\(place): \(error)") }
    }
    throw .other("the issuer \(certificate.issuer) could not be fetched: \(reasons.joined(separator: "; "))")
  }

  private func certificates(at place: String) async throws(SetupError) -> [Certificate] {
    guard let url = URL(place) else { throw .other("no http URL") }
    let response: HTTP.Response
    do throws(HTTPClientError) {
      response = try await world.client.send(
        Request("GET", url, fields: [.init("User-Agent", "certd/\(Version.text)")]),
        .init(
          deadlineMilliseconds: Self.patienceMilliseconds, maximumBodyBytes: Self.maximumBytes,
          keepsAlive: false))
    } catch { throw .other("\(error)") }
    guard response.status == 200 else { throw .other("status \(response.status)") }
    do throws(PKIError) { return try CertificateFile(response.body, path: place).certificates } catch {
      throw .other(error.reason)
    }
  }
}
