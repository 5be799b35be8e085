import HTTP

@testable import Configuration
@testable import DNS
@testable import GCP

extension FuzzTarget {
  static let texts = [
    FuzzTarget("configuration") { bytes in
      do throws(ConfigurationErrors) {
        let reading = try Configuration.read(bytes, file: "certd.yaml", baseDirectory: "/")
        let again = try Configuration.read(bytes, file: "certd.yaml", baseDirectory: "/")
        require(reading == again, "two readings of one file differ")
      } catch { require(!error.description.isEmpty, "an error that says nothing") }
    },
    FuzzTarget("scalars") { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      if let name = try? HostName.parse(text) {
        require((try? HostName.parse(name)) == name, "a name is not what it is when read again: \(name)")
      }
      _ = try? HostPattern.parse(text)
      _ = try? PathPattern.parse(text)
      if let address = try? ListenAddress.parse(text) {
        require(
          (try? ListenAddress.parse("\(address)")) == address, "an address is another one when read again")
      }
      _ = try? BackendText.parse(text)
      _ = try? AddressRange.parse(text)
      _ = try? DurationText.parse(text)
      _ = try? SizeText.parse(text)
      _ = try? FieldText.name(text)
      _ = try? FieldText.value(text)
      _ = try? StatusRange.parse(text)
      _ = try? MediaType.parse(text)
    },
    FuzzTarget("dns") { bytes in
      guard let message = try? Message(bytes) else { return }
      require(message == (try? Message(bytes)), "two readings of one message differ")
    },
    FuzzTarget("json") { bytes in
      guard let value = try? JSONValue(parsing: bytes) else { return }
      let text = value.text
      require((try? JSONValue(parsing: text.utf8))?.text == text, "a value changes when written and read")
    },
    FuzzTarget("url") { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      guard let url = URL(text) else { return }
      require(!url.host.isEmpty && url.target.hasPrefix("/"), "a URL without a host or path: \(text)")
      _ = url.resolving(text)
      _ = url.resolving("../" + text)
    },
  ]
}
