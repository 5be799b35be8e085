import CertStore
import Configuration
import OS
import PKI
import Telemetry

// Directories whose files routes give out.
extension Daemon {
  /// Serves the directories that a configuration names, before requests for them come.
  static func openFiles(
    _ configuration: Configuration, _ store: CertStore, _ log: Log, _ servers: inout [String: FileServer]
  ) {
    for directory in configuration.fileRoots.sorted() where servers[directory] == nil {
      let path = filesSocket(of: directory, in: store.root)
      do throws(SystemError) { servers[directory] = try FileServer(directory, at: path) } catch {
        log.error("files", ["root": .text(directory), "reason": .text(error.descriptionWithRemedy)])
      }
    }
  }

  /// Gives out no directory that the configuration does not name any more.
  func closeUnwantedFiles() {
    let wanted = plan.configuration.fileRoots
    for (directory, server) in fileServers where !wanted.contains(directory) {
      server.close()
      fileServers[directory] = nil
    }
  }

  /// Takes no further connection for files; the sockets go.
  func closeFiles() {
    for server in fileServers.values { server.close() }
    fileServers = [:]
  }

  /// Where a directory's files are given out by this process: another one that takes its place has a socket of its own.
  static func filesSocket(of directory: String, in store: String) -> String {
    let digest = (try? Digest.sha256(Array(directory.utf8))) ?? []
    let name = digest.prefix(6).map { String($0, radix: 16) }.joined()
    return "\(store)/files-\(name)-\(ProcessFacts.ownNumber).sock"
  }
}
