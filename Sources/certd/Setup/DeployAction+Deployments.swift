import CertStore
import Configuration

extension DeployAction {
  /// What a configuration wants done after the renewal of the certificate of that name.
  static func all(
    _ name: String, _ configuration: Configuration, hooks: [String] = [], more: [DeployAction] = [],
    isSibling: Bool = false
  ) -> [DeployAction] {
    let commands = (configuration.acme.deployHooks + hooks).map {
      DeployAction.command(text: $0, timeoutSeconds: defaultTimeoutSeconds)
    }
    let cloud: [DeployAction] = GoogleCloud.takes(name, configuration) ? [.googleCloud] : []
    let deploys = (configuration.acme.deploys + more).filter {
      // Files have room for one certificate: that with the first key.
      if case .copy = $0 { !isSibling } else { true }
    }
    return commands + deploys + cloud
  }
}
