import CertStore
import Configuration

extension DeployAction {
  /// What a configuration wants done after the renewal of the certificate of that name.
  static func all(
    _ name: String, _ configuration: Configuration, hooks: [String] = [], more: [Deployment] = [],
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
    return commands + deploys.map(DeployAction.init) + cloud
  }

  private init(_ deployment: Deployment) {
    switch deployment {
    case .command(let text, let seconds):
      self = .command(text: text, timeoutSeconds: UInt32(clamping: seconds))
    case .reload(let unit): self = .reload(unit: unit)
    case .servedAt(let host, let port): self = .proof(host: host, port: port)
    case .copy(let targets):
      var files = FileCopies()
      files.cert = targets.cert
      files.chain = targets.chain
      files.fullchain = targets.fullchain
      files.key = targets.key
      files.combined = targets.combined
      files.owner = targets.owner
      files.group = targets.group
      files.mode = targets.mode
      self = .copy(files: files)
    }
  }
}
