import Bytes
import CertStore
import Configuration
import HTTP
import HTTPClient
import OS
import PKI

/// Fetches the issuers that the chains of files lack, where it is asked for (RFC 5280 §4.2.2.1), and keeps them.
///
/// What comes is taken if its key has signed what it is fetched for. Only where the chain then leads to a root of this
/// system is that proof of all that stands in it: other chains are fetched anew each time.
struct IssuerFetch: Sendable {
  let configuration: Configuration
  let world: World

  /// The largest answer, in bytes.
  static let maximumBytes = 64 * 1024
  /// For one answer, in milliseconds.
  static let patienceMilliseconds: UInt64 = 10_000
  /// The most issuers that are fetched for one chain.
  static let maximumIssuers = 4

  /// What came of it.
  struct Outcome: Sendable {
    /// The files whose chains are other ones now.
    var completed: [String] = []
    /// Those of which something could not be fetched, with why.
    var failed: [(file: String, reason: String)] = []
  }

  /// The files that may lack something.
  var files: [CertificateFiles] {
    configuration.certificates.compactMap {
      if case .files(let files) = $0, files.fetchesIssuers { files } else { nil }
    }
  }

  /// Fetches everything that is missing.
  func run() async -> Outcome {
    var outcome = Outcome()
    for file in files {
      guard !Task.isCancelled else { break }
      let (hasMore, failure) = await complete(file)
      if hasMore { outcome.completed.append(file.certificate) }
      if let failure { outcome.failed.append((file.certificate, failure)) }
    }
    return outcome
  }

  private var known: FetchedIssuers { FetchedIssuers(root: StoreLocation.path(configuration.store)) }

  /// Follows the chain of one file to where it should end. Tells whether something else is known by now, and what failed.
  private func complete(_ file: CertificateFiles) async -> (hasMore: Bool, failure: String?) {
    var (hasMore, mayFail) = (false, false)
    do throws(SetupError) {
      guard let wanted = try await lacking(file) else { return (false, nil) }
      var pair = wanted.pair
      mayFail = !wanted.isUrgent
      for _ in 0..<Self.maximumIssuers {
        let last = pair.chain.last
        let before = known.issuer(of: last, now: World.now())
        let issuer = try await fetch(of: last)
        if issuer != before {
          do throws(StoreError) { try known.keep(issuer, of: last) } catch { throw .other("\(error)") }
          hasMore = true
        }
        pair = pair.followed(by: [issuer])
        let chain = pair.chain
        let isOpen = try await apart { () throws(SetupError) in
          CertificateJudge().missingIssuer(chain) != nil
        }
        guard isOpen, chain.last == issuer else { break }
      }
      return (hasMore, nil)
    } catch { return (hasMore, mayFail ? nil : error.description) }
  }

  /// The pair, where it lacks something that is not proven to be known already, and whether nothing at all is known.
  private func lacking(
    _ file: CertificateFiles
  ) async throws(SetupError) -> (pair: CertificatePair, isUrgent: Bool)? {
    let (configuration, known) = (configuration, known)
    return try await apart { () throws(SetupError) -> (CertificatePair, Bool)? in
      let judge = CertificateJudge()
      let pair = try Credentials.plainPair(file, configuration)
      guard judge.missingIssuer(pair.chain) != nil else { return nil }
      let whole = pair.followed(by: known.issuers(after: pair.chain.last, now: World.now()))
      return judge.isTrusted(whole.chain) ? nil : (pair, judge.missingIssuer(whole.chain) != nil)
    }
  }

  private func fetch(of certificate: Certificate) async throws(SetupError) -> Certificate {
    let places = certificate.issuerURLs
    var reasons = places.isEmpty ? ["\(certificate.subject) does not say where"] : []
    for place in places {
      do throws(SetupError) {
        let found = try await certificates(at: place)
        let now = World.now()
        if let issuer = found.first(where: { FetchedIssuers.isIssuer($0, of: certificate, now: now) }) {
          return issuer
        }
        reasons.append("\(place): what is there has not signed \(certificate.subject), or does not hold now")
      } catch { reasons.append("\(place): \(error)") }
    }
    throw .other(
      "the issuer \(certificate.issuer) could not be fetched: \(reasons.joined(separator: "; "))")
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
    let body = response.body
    return try await apart { () throws(SetupError) in
      do throws(PKIError) { return try CertificateFile.issuers(body) } catch { throw .other(error.reason) }
    }
  }
}
