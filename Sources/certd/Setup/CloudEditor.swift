import Configuration
import DNS
import GCP
import OS
import Renewal

/// Changes zones of Google Cloud DNS, with the credentials of section `gcp` or those at hand.
struct CloudEditor: ZoneEditor {
  let settings: GCPSettings
  /// The managed zone; nil for the public one with the longest name.
  let zone: String?
  let world: World
  let warn: @Sendable (String) -> Void

  /// Nil without a project.
  init?(
    project: String?, zone: String?, _ gcp: GCPSettings?, _ acme: ACMESettings, _ world: World,
    warn: @escaping @Sendable (String) -> Void
  ) {
    let variables = Subprocess.inheritedEnvironment()
    let named = [project, gcp?.project, variables["GOOGLE_CLOUD_PROJECT"]].compactMap { $0 }.first {
      !$0.isEmpty
    }
    guard let named else { return nil }
    settings =
      gcp.map { settings in
        var settings = settings
        settings.project = named
        return settings
      } ?? GCPSettings(project: named, origin: acme.origin)
    self.zone = zone
    self.world = world
    self.warn = warn
  }

  func present(_ record: ValidationRecord) async throws {
    let (session, zone) = try await place(record)
    try await session.addText(record.value, at: record.name.description, zone: zone, ttl: Int(record.ttl))
  }

  func cleanup(_ record: ValidationRecord) async throws {
    let (session, zone) = try await place(record)
    try await session.removeText(record.value, at: record.name.description, zone: zone)
  }

  private func place(_ record: ValidationRecord) async throws -> (GCP.Session, zone: String) {
    let session = try await GoogleCloud.session(settings, world, warn: warn)
    if let zone { return (session, zone) }
    return (session, try await session.managedZone(for: record.name.description))
  }
}
