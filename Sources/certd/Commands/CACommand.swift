import ArgumentParser
import CertStore
import PKI
import Renewal

struct CACommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ca", abstract: "The built-in local CA.", subcommands: [Root.self])

  struct Root: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "root", abstract: "Print the root certificate to trust, as PEM.",
      discussion: "Example: certd ca root > root.pem; curl --cacert root.pem https://localhost:8443/")

    @OptionGroup var options: StoreOptions

    func run() async throws {
      do throws(SetupError) {
        let store = try options.open()
        let root: Certificate
        do throws(IssuerError) {
          root = try LocalAuthority(store: store, now: { World.now() }).root()
        } catch { throw .other(error.description) }
        if options.output.isForPrograms {
          Output.line(
            (try? options.output.text(["root": String(decoding: root.pem, as: UTF8.self)])) ?? "")
        } else {
          Output.line(String(decoding: root.pem, as: UTF8.self).trimmingLineFeed)
        }
      } catch { throw Failure.exit(error) }
    }
  }
}

extension String {
  /// Without a line feed at its end: `Output.line` adds one.
  var trimmingLineFeed: String { hasSuffix("\n") ? String(dropLast()) : self }
}
