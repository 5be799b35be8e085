import CertStore
import Configuration
import Destinations
import OS
import Renewal

extension Delivery {
  /// The largest file with credentials or roots, in bytes.
  static let maximumFileBytes = 1 << 20

  /// What the deploy queue does for places of other providers.
  static func deliverer(_ world: World) -> @Sendable (StoredCertificate, Destination) async -> Pushed {
    let delivery = Delivery(
      world.client,
      Surroundings(
        now: { World.now() }, variables: Subprocess.inheritedEnvironment(),
        read: { try? FileSystem().read($0, limitInBytes: maximumFileBytes, followingLinks: true) },
        parseYAML: { text in
          do throws(YAMLDocument.Malformed) { return .success(try YAMLDocument.json(text)) } catch {
            return .failure(DeliveryError(error.description))
          }
        }))
    return { certificate, place in
      switch await delivery.deliver(certificate, to: place) {
      case .delivered, .unchanged: .done
      case .failed(let why): .failed(why)
      }
    }
  }
}
