import Bytes
import CertStore
import Configuration
import Destinations
import EndToEnd
import HTTPClient
import OS
import PKI
import StoreFixtures
import TestRun
import Testing

/// A certificate in a store, and what brings it elsewhere.
struct Scene {
  let place: Place
  let store: CertStore
  let authority: TestAuthority
  let name: LineageName

  static var now: UnixTime { UnixTime(seconds: OS.Clock.wallSeconds()) }

  init() throws {
    place = try Place()
    store = try CertStore.open(root: place("store"))
    authority = try TestAuthority()
    name = try #require(LineageName("llm"))
    _ = try renew()
  }

  /// The certificate of a renewal; the first is there already.
  @discardableResult func renew() throws -> StoredCertificate {
    let issued = try authority.issue(["llm.example.com"], notBefore: Self.now - 3600)
    return try store.publish(name, issued, now: Self.now)
  }

  func current() throws -> StoredCertificate { try #require(store.load(name, now: Self.now)) }

  /// Brings what is current to a place, as a process with those variables.
  func deliver(_ destination: Destination, _ variables: [String: String] = [:]) async throws
    -> Delivery.Outcome
  {
    let surroundings = Delivery.Surroundings(
      now: { Self.now }, variables: variables,
      read: { try? FileSystem().read($0, limitInBytes: 1 << 20, followingLinks: true) },
      parseYAML: { text in
        do { return .success(try YAMLDocument.json(text)) } catch {
          return .failure(DeliveryError("\(error)"))
        }
      })
    return await Delivery(try HTTPClient(), surroundings).deliver(try current(), to: destination)
  }

  /// How many requests of a method a server has noted.
  func requests(_ method: String) -> Int {
    place.read("requests").split(separator: "\n").count { $0.hasPrefix("\(method) ") }
  }
}

extension Delivery.Outcome {
  /// Why it failed; empty when it did not.
  var failure: String { if case .failed(let why) = self { why } else { "" } }
}
