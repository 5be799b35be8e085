internal import CertStore

extension Configuration {
  /// The kinds of places, by their keys.
  static let destinationKinds = ["kubernetes", "aws_acm", "azure_key_vault", "vault"]

  /// A place of another provider; `kind` is one of ``destinationKinds``.
  static func readDestination(_ kind: String, _ entry: Section) -> Destination? {
    let section = entry.section(kind)
    switch kind {
    case "kubernetes": return .kubernetes(section.settings())
    case "aws_acm":
      let place: ACMCertificate = section.settings()
      if section.has("region") { check(section, "region", place.region, "eu-central-1", isRegion) }
      if let arn = place.arn {
        check(section, "arn", arn, "arn:aws:acm:eu-central-1:111122223333:certificate/…") {
          $0.hasPrefix("arn:") && $0.contains(":acm:\(place.region):") && $0.contains(":certificate/")
        }
      }
      if place.profile != ACMCertificate().profile, place.credentials == nil {
        section.report.error(
          section.origin(of: "profile"), "goes with credentials", "name the file, or remove it")
      }
      return .awsACM(place)
    case "azure_key_vault":
      let place: KeyVaultCertificate = section.settings()
      if section.has("certificate") {
        check(section, "certificate", place.certificate, "llm-example-com") { text in
          (1...127).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy {
              $0.isASCII && ($0.properties.isAlphabetic || $0 == "-" || isDigit($0))
            }
        }
      }
      return .azureKeyVault(place)
    default:
      let place: VaultSecret = section.settings()
      for (key, text) in [("mount", place.mount), ("path", place.path)] where section.has(key) {
        check(section, key, text, "web/llm") { text in
          !text.hasPrefix("/") && !text.hasSuffix("/")
            && !text.split(separator: "/", omittingEmptySubsequences: false).contains {
              ["", ".", ".."].contains($0)
            }
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x3F && $0 != 0x23 && $0 != 0x25 }
        }
      }
      if place.roleID != nil, place.tokenFile != nil {
        section.report.error(section.origin, "says token_file and role_id at once", "write one of them")
      }
      if place.secretIDFile != nil, place.roleID == nil {
        section.report.error(section.origin(of: "secret_id_file"), "goes with role_id", "add it")
      }
      return .vault(place)
    }
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { (0x30...0x39).contains(scalar.value) }

  private static func isRegion(_ text: String) -> Bool {
    !text.isEmpty
      && text.unicodeScalars.allSatisfy { (0x61...0x7A).contains($0.value) || isDigit($0) || $0 == "-" }
  }

  private static func check(
    _ section: Section, _ key: String, _ text: String, _ example: String, _ isRight: (String) -> Bool
  ) {
    guard !isRight(text) else { return }
    section.report.error(
      section.origin(of: key), "\(quoted(text)) cannot be the \(key)", "for instance \(example)")
  }
}
