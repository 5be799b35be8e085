// The module Configuration holds a type of the same name, so that its other types cannot be qualified where
// another module has one of the same name: they get a second name here.
import Configuration

typealias ConfiguredCertificate = ManagedCertificate
typealias ConfiguredLimits = Limits
typealias ConfiguredService = Service
typealias ConfiguredBackend = Backend
typealias ConfiguredListener = Listener
typealias ConfiguredIssuer = Issuer
typealias ConfiguredACMEIssuer = ACMEIssuer
typealias ConfiguredEdits = FieldEdits
typealias ConfiguredTimeouts = ServiceTimeouts
typealias ConfiguredFiles = CertificateFiles
typealias ConfiguredRoute = Route
typealias ConfiguredAddressRange = AddressRange

extension Configuration.Reading {
  /// The same with another store.
  func with(store: String) -> Configuration.Reading {
    var changed = configuration
    changed.store = store
    return Configuration.Reading(configuration: changed, warnings: warnings)
  }
}
