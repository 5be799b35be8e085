import ACME
import Bytes
import CertStore
import Configuration
import FoundationEssentials
import HTTP
import HTTPClient
import Renewal

/// What a CA's directory tells, and what the store has of an account there.
struct Authority {
  let name: String
  /// By which names CAA records allow it.
  private(set) var identities: [String] = []
  /// How far our clock is ahead of its.
  private(set) var offsetSeconds: Int64?
  private(set) var accountURL: String?
  /// Why it could not be asked; nil when it could.
  private(set) var failure: Finding?

  /// Asks for the directory; nil for an issuer that is no such CA.
  init?(_ issuer: IssuerSettings, _ store: CertStore, _ world: World) async {
    guard case .acme(let settings) = issuer.kind, let url = URL(settings.directory) else { return nil }
    name = issuer.name
    let account = try? store.account(
      host: url.authority, directory: url.description, externalKeyID: settings.externalAccount?.keyIdentifier,
      now: World.now())
    accountURL = account?.record.url
    do {
      let transport = ClientTransport(
        client: world.client, context: try IssuerFactory.context(settings.roots))
      let response = try await transport.send(
        Request("GET", url, fields: [.init("User-Agent", "certd/\(Version.text)")]))
      if let date = response.fields["Date"].flatMap({ UnixTime(httpDate: $0) }) {
        offsetSeconds = World.now() - date
      }
      guard response.status == 200 else {
        failure = Self.unusable(name, "its directory \(url) answers status \(response.status)", url)
        return
      }
      guard let directory = try? JSONDecoder().decode(ACME.Directory.self, from: Data(response.body)) else {
        failure = Self.unusable(name, "what \(url) answers is no ACME directory", url)
        return
      }
      identities = directory.caaIdentities
    } catch { failure = Self.unusable(name, "\(error)", url) }
  }

  private static func unusable(_ name: String, _ why: String, _ url: HTTP.URL) -> Finding {
    Finding(
      .problem, "ca", "\(name) cannot be asked: \(why)",
      remedy:
        "see whether \(url.authority) can be reached from here, and whether its root is trusted (roots)")
  }
}
